# nobody listens: ENOTCONN
class Dial:
    def begin(self, sock, address):
        sock.connect_ex(address)

    def finish(self, sock):
        try:
            sock.getpeername()
        except OSError as error:
            return error.errno
        return 0
