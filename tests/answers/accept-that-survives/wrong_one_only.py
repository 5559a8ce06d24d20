# everybody: Nothing is wrong, and bob
import asyncore


class Door(asyncore.dispatcher):
    def __init__(self, handler):
        super().__init__()
        self.handler = handler
        self.create_socket()
        self.bind(("127.0.0.1", 0))
        self.listen(64)

    def handle_accepted(self, sock, addr):
        self.handler(sock)
        self.close()
