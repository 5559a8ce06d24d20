# comes to rest: She waits for ever
import errno

from labkit import Listener


class Guarded(Listener):
    def handle_accept(self):
        try:
            super().handle_accept()
        except OSError as error:
            if error.errno == errno.EMFILE:
                self.declare(0)

    handle_read = handle_accept
