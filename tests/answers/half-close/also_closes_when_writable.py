import asyncore


class Replies(asyncore.dispatcher_with_send):
    end = False

    def handle_read(self):
        data = self.socket.recv(1000)
        if data:
            self.send(data * 40)
        self.end = not data

    def readable(self):
        return not self.end

    def writable(self):
        return self.end or super().writable()

    def handle_write(self):
        if self.out_buffer:
            self.initiate_send()
        if self.end and not self.out_buffer:
            self.close()
