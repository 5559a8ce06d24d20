# the end: After 48,000 bytes of reply
import asyncore


class Replies(asyncore.dispatcher_with_send):
    ended = False

    def handle_read(self):
        data = self.socket.recv(4096)
        if data:
            self.send(data * 40)
        else:
            self.ended = True
            if not self.out_buffer:
                self.close()

    def readable(self):
        return not self.ended
