# everything: lie there still
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        self.recv(16)
        self.declare(0)
