# a long line: bytes do
from labkit import Channel


class Server(Channel):
    length = 0

    def handle_read(self):
        data = self.recv(1024)
        self.length += len(data)
        if data.endswith(b"\n"):
            self.write(b"%d\n" % self.length)
            self.length = 0
