# a slow reader: It does not, while something waits
from labkit import Channel
from labkit.loop import READ, WRITE


class Outbox(Channel):
    def write(self, data):
        self.write_buffer += data
        self.handle_write()

    def handle_write(self):
        try:
            del self.write_buffer[: self.socket.send(self.write_buffer)]
        except BlockingIOError:
            pass
        self.declare(WRITE if self.write_buffer else READ)
