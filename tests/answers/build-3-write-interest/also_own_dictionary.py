WRITE = selectors.EVENT_WRITE


class Loop3:
    def __init__(self, selector):
        self.selector, self.readers, self.writers = selector, {}, {}

    def add_reader(self, sock, callback):
        self.readers[sock] = callback
        self.ask(sock)

    def remove_reader(self, sock):
        self.readers.pop(sock, None)
        self.ask(sock)

    def add_writer(self, sock, callback):
        self.writers[sock] = callback
        self.ask(sock)

    def remove_writer(self, sock):
        self.writers.pop(sock, None)
        self.ask(sock)

    def ask(self, sock):
        events = READ * (sock in self.readers) | WRITE * (sock in self.writers)
        try:
            if events:
                self.selector.modify(sock, events)
            else:
                self.selector.unregister(sock)
        except KeyError:
            if events:
                self.selector.register(sock, events)

    def run_once(self):
        ready = self.selector.select()
        for key, events in ready:
            if events & READ and key.fileobj in self.readers:
                self.readers[key.fileobj]()
        for key, events in ready:
            if events & WRITE and key.fileobj in self.writers:
                self.writers[key.fileobj]()
