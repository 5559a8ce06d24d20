import asyncore


class Server(asyncore.dispatcher_with_send):
    def handle_read(self):
        while True:
            try:
                data = self.recv(1024)
            except BlockingIOError:
                return
            if not data:
                return
