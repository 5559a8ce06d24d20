import socket


class Dial:
    def begin(self, sock, address):
        sock.connect_ex(address)

    def finish(self, sock):
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
