import asyncore


class Counts(asyncore.dispatcher_with_send):
    def __init__(self, sock):
        super().__init__(sock)
        self.got = bytearray()

    def handle_read(self):
        try:
            while data := self.recv(1024):
                self.got += data
        except BlockingIOError:
            pass
        while (at := self.got.find(b"\n")) >= 0:
            self.send(b"%d\n" % (at + 1))
            del self.got[: at + 1]
