# nobody listens: It returned nothing
import socket


class Dial:
    def begin(self, sock, address):
        sock.connect_ex(address)

    def finish(self, sock):
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return -sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or -1
        return 0
