# half a line: The rest comes
from labkit import Channel


class Lines(Channel):
    def handle_read(self):
        line = self.recv(4096)
        if line.endswith(b"\n"):
            self.write(line.upper())
