from labkit import Channel
from labkit.loop import READ, WRITE


class Patient(Channel):
    def handle_read(self):
        self.write(self.recv(1000))
        self.look()

    def handle_write(self):
        super().handle_write()
        self.look()

    def look(self):
        if self.closing:
            return
        waiting = len(self.write_buffer)
        self.declare((READ if waiting <= 16384 else 0) | (WRITE if waiting else 0))
