# comes to rest: and goes on failing
from labkit import Listener


class Guarded(Listener):
    def handle_accept(self):
        try:
            super().handle_accept()
        except OSError:
            pass

    handle_read = handle_accept
