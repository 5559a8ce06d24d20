# a reader raises: and bob is echoed
class Loop7(Loop6):
    def on_error(self, sock, error):
        if sock is not None:
            for key in list(self.selector.get_map().values()):
                self.remove_reader(key.fileobj)
                self.remove_writer(key.fileobj)
            sock.close()

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
