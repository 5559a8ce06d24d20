import socket


class Dial:
    def begin(self, sock, address):
        try:
            sock.connect(address)
        except BlockingIOError:
            pass

    def finish(self, sock):
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return error if error else 0
