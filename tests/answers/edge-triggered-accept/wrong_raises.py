# all at once: raised BlockingIOError
from labkit import Listener


class EdgeListener(Listener):
    def handle_read(self):
        while True:
            sock, addr = self.socket.accept()
            self.handler(self.loop, sock, addr)
