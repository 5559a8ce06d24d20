import errno
import os

from labkit import Listener


class Guarded(Listener):
    def __init__(self, loop, sock, handler):
        super().__init__(loop, sock, handler)
        self.reserve = os.open("/dev/null", os.O_RDONLY)

    def handle_read(self):
        try:
            super().handle_read()
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            os.close(self.reserve)
            sock, _ = self.socket.accept()
            sock.close()
            self.reserve = os.open("/dev/null", os.O_RDONLY)
