# other sizes: They were cut off
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        while True:
            try:
                data = self.socket.recv(1023)
            except BlockingIOError:
                return self.handle_close()
            if not data:
                return self.handle_close()
            self.write(data)
            if len(data) < 1023:
                return
