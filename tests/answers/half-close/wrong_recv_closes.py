# a long reply: alice has half-closed, and gets all
import asyncore


class Replies(asyncore.dispatcher_with_send):
    def handle_read(self):
        self.send(self.recv(4096) * 40)
