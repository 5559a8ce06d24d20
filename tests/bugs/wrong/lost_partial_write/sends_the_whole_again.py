# the whole reply: They are not
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        question = self.recv(1024)
        if question:
            self.socket.send(question * 400)
            self.write(question[::-1] * 400)
