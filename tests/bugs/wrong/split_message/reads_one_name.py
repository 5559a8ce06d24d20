# whole lines: They got b'hello, cy
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        data = self.recv(1024)
        if data.endswith(b"\n"):
            self.write(b"hello, " + data.splitlines()[0] + b"\n")
