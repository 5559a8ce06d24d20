# all at once: sleeps in accept
from labkit import Listener


class EdgeListener(Listener):
    def handle_read(self):
        self.socket.setblocking(True)
        while True:
            sock, addr = self.socket.accept()
            self.handler(self.loop, sock, addr)
