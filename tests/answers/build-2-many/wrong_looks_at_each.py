# everybody: alice has connected
import selectors

READ = selectors.EVENT_READ


class Loop1:
    def __init__(self, selector):
        self.selector = selector

    def add_reader(self, sock, callback):
        self.selector.register(sock, READ)
        self.callback = callback

    def run_once(self):
        for _key, _events in self.selector.select():
            self.callback()


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
