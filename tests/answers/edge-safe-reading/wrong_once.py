# a long message: Of 3,000 bytes none is left lying
from labkit import Channel


class EdgeEcho(Channel):
    def handle_read(self):
        self.write(self.recv(1024))
