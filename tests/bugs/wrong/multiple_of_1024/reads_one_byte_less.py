# other sizes: raised BlockingIOError
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        while True:
            data = self.socket.recv(1023)
            if not data:
                return self.handle_close()
            self.write(data)
            if len(data) < 1023:
                return
