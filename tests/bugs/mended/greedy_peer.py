from labkit import Channel


class Server(Channel):
    def handle_read(self):
        self.recv(1024)
