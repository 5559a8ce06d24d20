# a slow reader: It never asks
import asyncore


class Shout(asyncore.dispatcher):
    def __init__(self, sock):
        super().__init__(sock)
        self.waiting = bytearray()

    def handle_read(self):
        self.waiting += self.recv(4096).upper()
        del self.waiting[: self.send(self.waiting)]

    def writable(self):
        return False
