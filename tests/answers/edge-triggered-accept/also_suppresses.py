from contextlib import suppress

from labkit import Listener


class EdgeListener(Listener):
    def handle_read(self):
        with suppress(BlockingIOError):
            while True:
                self.handler(self.loop, *self.socket.accept())
