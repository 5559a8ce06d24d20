from labkit import Listener


class EdgeListener(Listener):
    def handle_read(self):
        while True:
            try:
                sock, addr = self.socket.accept()
            except BlockingIOError:
                return
            self.handler(self.loop, sock, addr)
