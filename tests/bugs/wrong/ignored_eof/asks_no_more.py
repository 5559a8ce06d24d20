# closes: It stays open
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        data = self.socket.recv(1024)
        if data:
            self.write(data)
        else:
            self.declare(0)
