# a slow reader: came.
from labkit import Channel
from labkit.loop import WRITE


class Server(Channel):
    def handle_read(self):
        self.write(self.recv(1024))
        self.declare(WRITE)

    def handle_write(self):
        super().handle_write()
