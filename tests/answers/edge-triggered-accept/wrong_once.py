# all at once: 1 of 3 were accepted
from labkit import Listener


class EdgeListener(Listener):
    def handle_read(self):
        sock, addr = self.socket.accept()
        self.handler(self.loop, sock, addr)
