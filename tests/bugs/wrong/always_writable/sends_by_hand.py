# a slow reader: raised BlockingIOError
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        data = self.recv(1024)
        if data:
            self.socket.send(data)
