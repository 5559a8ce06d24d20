# nothing is lost: came.
from labkit import Channel
from labkit.loop import READ


class Patient(Channel):
    def handle_read(self):
        self.write(self.recv(4096))
        if len(self.write_buffer) > 16384:
            del self.write_buffer[8000:]
            self.declare(self.interest & ~READ)

    def handle_write(self):
        super().handle_write()
        if not self.closing:
            self.declare(self.interest | READ)
