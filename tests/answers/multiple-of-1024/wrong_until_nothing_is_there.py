# in pieces: A request in two pieces
import asyncore


class Counts(asyncore.dispatcher_with_send):
    def handle_read(self):
        request = b""
        try:
            while data := self.recv(1024):
                request += data
        except BlockingIOError:
            pass
        if request:
            self.send(b"%d\n" % len(request))
