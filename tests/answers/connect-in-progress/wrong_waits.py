# a server that does not answer yet: sleeps in connect


class Dial:
    def begin(self, sock, address):
        sock.setblocking(True)
        try:
            sock.connect(address)
        except OSError as error:
            self.error = error.errno
        else:
            self.error = 0
        sock.setblocking(False)

    def finish(self, sock):
        return self.error
