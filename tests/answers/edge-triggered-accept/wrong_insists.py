# all at once: runs in a circle
from labkit import Listener


class EdgeListener(Listener):
    def handle_read(self):
        while True:
            super().handle_read()
