# sleeps: is ready to write, and nothing is done about it
import asyncore


class Shout(asyncore.dispatcher):
    def __init__(self, sock):
        super().__init__(sock)
        self.waiting = bytearray()

    def handle_read(self):
        self.waiting += self.recv(4096).upper()

    def handle_write(self):
        if self.waiting:
            del self.waiting[: self.send(self.waiting)]
