from labkit import Listener


class EdgeListener(Listener):
    def handle_accept(self):
        while True:
            try:
                sock, addr = self.socket.accept()
            except BlockingIOError:
                return
            self.handler(self.loop, sock, addr)

    handle_read = handle_accept
