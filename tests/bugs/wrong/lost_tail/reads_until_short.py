# who stays: raised BlockingIOError
import asyncore


class Server(asyncore.dispatcher_with_send):
    def handle_read(self):
        while len(self.recv(1024)) == 1024:
            pass
