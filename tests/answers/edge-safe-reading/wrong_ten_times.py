# a very long message: Of 30,000 bytes none is left lying
from labkit import Channel


class EdgeEcho(Channel):
    def handle_read(self):
        for _ in range(10):
            self.write(self.recv(1024))
