# the end: It stays open for ever
from labkit import Channel


class EdgeEcho(Channel):
    def handle_read(self):
        try:
            while data := self.socket.recv(1024):
                self.write(data)
        except BlockingIOError:
            pass
