# half a line: before her line was whole
from labkit import Channel


class Lines(Channel):
    def handle_read(self):
        self.write(self.recv(4096).upper())
