# sleeps: It never does
from labkit import Channel
from labkit.loop import READ, WRITE


class Server(Channel):
    def handle_read(self):
        self.write(self.recv(1024))
        if not self.closing:
            self.declare(READ | WRITE)

    def handle_write(self):
        if self.write_buffer:
            super().handle_write()
        elif not self.closing:
            self.declare(READ | WRITE)
