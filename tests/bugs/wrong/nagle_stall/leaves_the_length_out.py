# one send: They got
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        self.write(self.recv(1024)[::-1])
