# many sizes: A request of 1,025 bytes
import asyncore


class Counts(asyncore.dispatcher_with_send):
    def handle_read(self):
        data = self.recv(1024)
        if data:
            self.send(b"%d\n" % len(data))
