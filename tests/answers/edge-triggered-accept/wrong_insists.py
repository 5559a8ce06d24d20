# all at once: runs in a circle
from labkit import Listener


class EdgeListener(Listener):
    def handle_accept(self):
        while True:
            super().handle_accept()

    handle_read = handle_accept
