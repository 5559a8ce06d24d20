from labkit import Channel


class Server(Channel):
    def handle_read(self):
        question = self.recv(1024)
        if question:
            self.write(b"%04d" % len(question) + question[::-1])
