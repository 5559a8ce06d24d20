# a long message: came.
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        self.write(self.recv(2048))
