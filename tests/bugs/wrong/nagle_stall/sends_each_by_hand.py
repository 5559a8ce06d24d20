# one send: It took 2
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        question = self.recv(1024)
        if question:
            self.socket.send(b"%04d" % len(question))
            self.socket.send(question[::-1])
