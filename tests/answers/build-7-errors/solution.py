class Loop7(Loop6):
    def on_error(self, sock, error):
        if sock is not None:
            if any(key.fileobj is sock for key in self.selector.get_map().values()):
                self.selector.unregister(sock)  # not by its fd: the callback may have closed it
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
