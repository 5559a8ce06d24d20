# others in that turn: waited for the next one
class Loop7(Loop6):
    def on_error(self, sock, error):
        if sock is not None:
            self.remove_reader(sock)
            self.remove_writer(sock)
            sock.close()

    def run_once(self):
        try:
            super().run_once()
        except Exception as error:
            self.on_error(self.at_work, error)

    def handle(self, key, events):
        self.at_work = key.fileobj
        super().handle(key, events)

    def call(self, timer):
        try:
            super().call(timer)
        except Exception as error:
            self.on_error(None, error)
