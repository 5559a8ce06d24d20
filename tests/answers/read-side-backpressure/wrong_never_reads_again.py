# nothing is lost: Nothing waits, and the loop asks to read again
from labkit import Channel
from labkit.loop import READ


class Patient(Channel):
    def handle_read(self):
        self.write(self.recv(4096))
        if len(self.write_buffer) > 16384:
            self.declare(self.interest & ~READ)
