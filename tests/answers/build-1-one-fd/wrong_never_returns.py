# it sleeps: bytes came back to alice
import selectors


class Loop1:
    def __init__(self, selector):
        self.selector = selector

    def add_reader(self, sock, callback):
        self.selector.register(sock, selectors.EVENT_READ)
        self.callback = callback

    def run_once(self):
        while True:
            for _key, _events in self.selector.select():
                self.callback()
