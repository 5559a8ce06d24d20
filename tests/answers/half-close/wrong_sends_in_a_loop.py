# a long reply: runs in a circle
import asyncore


class Replies(asyncore.dispatcher_with_send):
    def handle_read(self):
        data = self.socket.recv(4096)
        self.send(data * 40)
        while self.out_buffer:
            self.initiate_send()
        if not data:
            self.close()
