# nobody is there: and nothing is raised
import asyncore


class Door(asyncore.dispatcher):
    def __init__(self, handler):
        super().__init__()
        self.handler = handler
        self.create_socket()
        self.bind(("127.0.0.1", 0))
        self.listen(64)

    def handle_accept(self):
        sock, _ = self.accept()
        try:
            self.handler(sock)
        except Exception:
            sock.close()

    def handle_error(self):
        pass
