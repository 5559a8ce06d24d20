# multiples: raised BlockingIOError
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        while True:
            data = self.socket.recv(512)
            if not data:
                return self.handle_close()
            self.write(data)
            if len(data) < 512:
                return
