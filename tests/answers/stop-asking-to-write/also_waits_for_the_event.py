from labkit import Channel
from labkit.loop import READ, WRITE


class Outbox(Channel):
    def write(self, data):
        self.write_buffer.extend(data)
        self.declare(READ | WRITE)

    def handle_write(self):
        sent = self.socket.send(self.write_buffer[:1000])
        self.write_buffer = self.write_buffer[sent:]
        if not self.write_buffer:
            self.declare(READ)
