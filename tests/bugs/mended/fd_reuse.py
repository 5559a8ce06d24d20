from labkit import Channel


class Server(Channel):
    name = b""

    def handle_read(self):
        data = self.recv(1024)
        if data:
            self.name = self.name or data
            self.write(b"dear " + self.name + b"\n")
