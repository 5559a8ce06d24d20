# the whole reply: 8,192 came
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        question = self.recv(1024)
        if question:
            reply = question * 400
            sent = self.socket.send(reply)
            try:
                self.socket.send(reply[sent:])
            except BlockingIOError:
                pass
