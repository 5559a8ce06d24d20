# nobody waits: was answered
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        line = self.recv(1024)
        if line:
            self.write(line.upper())
