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
