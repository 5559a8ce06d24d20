# a long message: runs in a circle
from labkit import Channel


class EdgeEcho(Channel):
    def handle_read(self):
        while not self.closing:
            self.write(self.recv(1024))
