# together: Two requests in one piece
import asyncore


class Counts(asyncore.dispatcher_with_send):
    buffer = b""

    def handle_read(self):
        self.buffer += self.recv(1024)
        if self.buffer.endswith(b"\n"):
            self.send(b"%d\n" % len(self.buffer))
            self.buffer = b""
