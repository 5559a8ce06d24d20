# multiples of 1,024: A request of 4,096 bytes
import asyncore


class Counts(asyncore.dispatcher_with_send):
    buffer = b""

    def handle_read(self):
        data = self.recv(4096)
        self.buffer += data
        if len(data) < 4096 and self.buffer:
            self.send(b"%d\n" % len(self.buffer))
            self.buffer = b""
