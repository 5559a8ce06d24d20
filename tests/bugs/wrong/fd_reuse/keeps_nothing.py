# remembers: They got b'dear more
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        data = self.recv(1024)
        if data:
            self.write(b"dear " + data + b"\n")
