# there is room again: Nobody listens any more
import os

from labkit import Listener


class Guarded(Listener):
    def __init__(self, loop, sock, handler):
        super().__init__(loop, sock, handler)
        self.reserve = os.open("/dev/null", os.O_RDONLY)
        self.full = 0

    def handle_read(self):
        try:
            super().handle_read()
        except OSError:
            os.close(self.reserve)
            self.socket.setblocking(False)
            try:
                while True:
                    self.socket.accept()[0].close()
            except BlockingIOError:
                self.abort()
