# the end: After 400 bytes of reply
import asyncore


class Replies(asyncore.dispatcher_with_send):
    ended = False

    def handle_read(self):
        data = self.socket.recv(4096)
        if data:
            self.send(data * 40)
        else:
            self.ended = True

    def readable(self):
        return not self.ended
