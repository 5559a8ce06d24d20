from labkit import Channel
from labkit.loop import READ


class Patient(Channel):
    limit = 16384

    def handle_read(self):
        self.write(self.recv(4096))
        if not self.closing and len(self.write_buffer) > self.limit:
            self.declare(self.interest & ~READ)

    def handle_write(self):
        super().handle_write()
        if not self.closing and len(self.write_buffer) <= self.limit:
            self.declare(self.interest | READ)
