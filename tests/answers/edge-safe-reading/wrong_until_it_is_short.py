# a multiple of 1,024: raised BlockingIOError
from labkit import Channel


class EdgeEcho(Channel):
    def handle_read(self):
        while True:
            data = self.socket.recv(1024)
            if not data:
                return self.handle_close()
            self.write(data)
            if len(data) < 1024:
                return
