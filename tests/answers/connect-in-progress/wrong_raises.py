# a server that accepts: raised BlockingIOError
import socket


class Dial:
    def begin(self, sock, address):
        sock.connect(address)

    def finish(self, sock):
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
