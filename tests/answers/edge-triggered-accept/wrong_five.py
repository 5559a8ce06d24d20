# a crowd: of them stand outside
from labkit import Listener


class EdgeListener(Listener):
    def handle_read(self):
        for _ in range(5):
            super().handle_read()
