# the whole reply: came.
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        self.write(self.recv(4096) * 60)

    def handle_close(self):
        if self.write_buffer:
            self.handle_write()
        self.abort()
