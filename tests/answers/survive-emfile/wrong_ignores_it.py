# comes to rest: and goes on failing
from labkit import Listener


class Guarded(Listener):
    def handle_read(self):
        try:
            super().handle_read()
        except OSError:
            pass
