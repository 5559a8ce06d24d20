# sleeps: They got
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        data = self.socket.recv(1024)
        if data:
            self.socket.send(data[:-1])
        self.handle_close()
