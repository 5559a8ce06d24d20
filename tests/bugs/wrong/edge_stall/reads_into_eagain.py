# one after another: raised BlockingIOError
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        while True:
            self.write(self.socket.recv(1024))
