# comes to rest: They wait for ever
from labkit import Listener


class Server(Listener):
    def handle_read(self):
        try:
            super().handle_read()
        except OSError:
            self.declare(0)
