# nobody waits: Two pieces
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        line = self.recv(1024)
        if line.endswith(b"\n"):
            self.write(line.upper())
