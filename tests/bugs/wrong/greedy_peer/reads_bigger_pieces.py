# fair: It was read
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        while self.recv(64):
            pass
