# a slow reader: came.
import asyncore


class Shout(asyncore.dispatcher):
    def __init__(self, sock):
        super().__init__(sock)
        self.waiting = b""

    def handle_read(self):
        self.waiting += self.recv(4096).upper()

    def writable(self):
        return bool(self.waiting)

    def handle_write(self):
        self.send(self.waiting)
        self.waiting = b""
