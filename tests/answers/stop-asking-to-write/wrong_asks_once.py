# a slow reader: the loop asks to write no more
from labkit import Channel
from labkit.loop import READ, WRITE


class Outbox(Channel):
    def write(self, data):
        self.write_buffer += data
        self.declare(READ | WRITE)

    def handle_write(self):
        try:
            del self.write_buffer[: self.socket.send(self.write_buffer)]
        except BlockingIOError:
            pass
        self.declare(READ)
