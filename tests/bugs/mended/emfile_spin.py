import errno
import os

from labkit import Listener


class Server(Listener):
    def __init__(self, *args):
        super().__init__(*args)
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
