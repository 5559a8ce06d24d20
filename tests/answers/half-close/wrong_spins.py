# a long reply: by the end of her question
import asyncore


class Replies(asyncore.dispatcher_with_send):
    ended = False

    def handle_read(self):
        data = self.socket.recv(4096)
        self.ended = not data
        if data:
            self.send(data * 40)

    def handle_write(self):
        super().handle_write()
        if self.ended and not self.out_buffer:
            self.close()
