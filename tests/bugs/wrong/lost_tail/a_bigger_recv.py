# everything: It took
import asyncore


class Server(asyncore.dispatcher_with_send):
    def handle_read(self):
        self.recv(2048)
