# comes to rest: It does not
from labkit import Listener


class Server(Listener):
    def handle_read(self):
        try:
            super().handle_read()
        except OSError as error:
            print("no fd left:", error)
