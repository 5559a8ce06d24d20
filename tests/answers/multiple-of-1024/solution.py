import asyncore


class Counts(asyncore.dispatcher_with_send):
    buffer = b""

    def handle_read(self):
        self.buffer += self.recv(1024)
        while b"\n" in self.buffer:
            request, _, self.buffer = self.buffer.partition(b"\n")
            self.send(b"%d\n" % (len(request) + 1))
