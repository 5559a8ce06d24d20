# all at once: All three are served
from labkit import Listener


class EdgeListener(Listener):
    def handle_read(self):
        newest = None
        while True:
            try:
                newest = self.socket.accept()
            except BlockingIOError:
                break
        if newest is not None:
            self.handler(self.loop, *newest)
