# a newcomer: They got b'dear heidi
from labkit import Channel

NAMES = []


class Server(Channel):
    def handle_read(self):
        data = self.recv(1024)
        if data:
            NAMES.append(data)
            self.write(b"dear " + NAMES[0] + b"\n")
