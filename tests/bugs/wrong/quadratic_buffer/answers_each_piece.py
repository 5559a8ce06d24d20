# lengths: They got
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        data = self.recv(1024)
        if data:
            self.write(b"%d\n" % len(data))
