# half a line: sleeps in recvfrom
from labkit import Channel


class Lines(Channel):
    def handle_read(self):
        self.socket.setblocking(True)
        while b"\n" not in self.read_buffer:
            self.read_buffer += self.recv(100)
        self.socket.setblocking(False)
        self.write(self.read_buffer.upper())
        self.read_buffer.clear()
