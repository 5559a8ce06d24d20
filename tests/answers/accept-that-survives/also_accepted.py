import asyncore
import sys


class Door(asyncore.dispatcher):
    def __init__(self, handler):
        asyncore.dispatcher.__init__(self)
        self.create_socket()
        self.bind(("127.0.0.1", 0))
        self.listen(5)
        self.handler = handler

    def handle_accepted(self, sock, addr):
        try:
            self.handler(sock)
        except Exception as error:
            print(error, file=sys.stderr)
            sock.close()

    def handle_error(self):
        print(sys.exc_info()[1], file=sys.stderr)
