# a wait a turn: its timeout is None
import selectors


class Loop1:
    def __init__(self, selector):
        self.selector = selector

    def add_reader(self, sock, callback):
        self.selector.register(sock, selectors.EVENT_READ)
        self.callback = callback

    def run_once(self):
        if self.selector.select(1):
            self.callback()
