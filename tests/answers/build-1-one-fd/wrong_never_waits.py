# it sleeps: BlockingIOError


class Loop1:
    def __init__(self, selector):
        self.selector = selector

    def add_reader(self, sock, callback):
        self.callback = callback

    def run_once(self):
        self.callback()
