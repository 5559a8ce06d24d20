# no fd is left: No fd is left when bob knocks
import asyncore


class Door(asyncore.dispatcher):
    def __init__(self, handler):
        super().__init__()
        self.handler = handler
        self.create_socket()
        self.bind(("127.0.0.1", 0))
        self.listen(64)

    def handle_accepted(self, sock, addr):
        try:
            self.handler(sock)
        except Exception:
            sock.close()
