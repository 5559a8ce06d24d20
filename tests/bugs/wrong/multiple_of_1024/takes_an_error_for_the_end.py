# closes: stays open
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        try:
            while data := self.socket.recv(1024):
                self.write(data)
        except BlockingIOError:
            return
        self.declare(0)
