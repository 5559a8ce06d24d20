# the whole reply: It stays open
from labkit import Channel
from labkit.loop import WRITE


class Server(Channel):
    def handle_read(self):
        self.write(self.recv(4096) * 60)

    def handle_close(self):
        self.declare(WRITE if self.write_buffer else 0)

    def handle_write(self):
        if self.write_buffer:
            super().handle_write()
        self.declare(WRITE if self.write_buffer else 0)
