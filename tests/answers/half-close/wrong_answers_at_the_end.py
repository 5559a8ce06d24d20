# a question without an end: and goes on listening
import asyncore


class Replies(asyncore.dispatcher_with_send):
    question = b""
    ended = False

    def handle_read(self):
        data = self.socket.recv(4096)
        self.question += data
        if not data:
            self.ended = True
            self.send(self.question * 40)

    def readable(self):
        return not self.ended

    def handle_write(self):
        super().handle_write()
        if self.ended and not self.out_buffer:
            self.close()
