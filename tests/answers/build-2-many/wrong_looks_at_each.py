# everybody: alice has connected
class Loop2(Loop1):
    def __init__(self, selector):
        super().__init__(selector)
        self.callbacks = {}

    def add_reader(self, sock, callback):
        self.selector.register(sock, READ)
        self.callbacks[sock] = callback

    def remove_reader(self, sock):
        self.selector.unregister(sock)
        del self.callbacks[sock]

    def run_once(self):
        self.selector.select(0)
        for callback in list(self.callbacks.values()):
            try:
                callback()
            except BlockingIOError:
                pass
