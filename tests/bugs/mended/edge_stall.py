from labkit import Channel


class Server(Channel):
    def handle_read(self):
        while data := self.recv(1024):
            self.write(data)
