# the second time: dave is told
import os

from labkit import Listener


class Guarded(Listener):
    def __init__(self, loop, sock, handler):
        super().__init__(loop, sock, handler)
        self.reserve = os.open("/dev/null", os.O_RDONLY)

    def handle_read(self):
        try:
            super().handle_read()
        except OSError:
            if self.reserve is not None:
                os.close(self.reserve)
                self.reserve = None
                self.socket.accept()[0].close()
