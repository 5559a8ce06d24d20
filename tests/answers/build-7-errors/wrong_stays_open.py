# a reader raises: alice is closed. The connection stays open
class Loop7(Loop6):
    def on_error(self, sock, error):
        if sock is not None:
            self.remove_reader(sock)
            self.remove_writer(sock)

    def handle(self, key, events):
        try:
            super().handle(key, events)
        except Exception as error:
            self.on_error(key.fileobj, error)

    def call(self, timer):
        try:
            super().call(timer)
        except Exception as error:
            self.on_error(None, error)
