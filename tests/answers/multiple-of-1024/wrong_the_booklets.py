# multiples of 1,024: raised BlockingIOError
import asyncore


class Counts(asyncore.dispatcher_with_send):
    def handle_read(self):
        request = b""
        while True:
            data = self.recv(1024)
            request += data
            if len(data) < 1024:
                break
        self.send(b"%d\n" % len(request))
