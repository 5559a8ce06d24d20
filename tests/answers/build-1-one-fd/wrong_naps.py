# it sleeps: It sleeps in clock_nanosleep
import selectors
import time


class Loop1:
    def __init__(self, selector):
        self.selector = selector

    def add_reader(self, sock, callback):
        self.selector.register(sock, selectors.EVENT_READ)
        self.callback = callback

    def run_once(self):
        time.sleep(0.2)
        if self.selector.select(0):
            self.callback()
