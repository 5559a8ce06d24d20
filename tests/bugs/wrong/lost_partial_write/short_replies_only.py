# a short reply: 1 bytes came
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        question = self.recv(1024)
        if len(question) > 100:
            self.write(question * 400)
        elif question:
            self.write(question)
