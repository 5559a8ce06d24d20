# comes to rest: She waits for ever
import errno

from labkit import Listener


class Guarded(Listener):
    def handle_read(self):
        try:
            super().handle_read()
        except OSError as error:
            if error.errno == errno.EMFILE:
                self.declare(0)
