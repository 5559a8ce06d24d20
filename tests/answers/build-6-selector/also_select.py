import select


class Mine(selectors.BaseSelector):
    def __init__(self):
        self.keys = {}

    def register(self, fileobj, events, data=None):
        key = selectors.SelectorKey(fileobj, fileobj.fileno(), events, data)
        self.keys[key.fd] = key
        return key

    def unregister(self, fileobj):
        return self.keys.pop(fileobj.fileno())

    def select(self, timeout=None):
        reads = [fd for fd, key in self.keys.items() if key.events & READ]
        writes = [fd for fd, key in self.keys.items() if key.events & WRITE]
        reads, writes, _ = select.select(reads, writes, [], timeout)
        return [
            (key, READ * (fd in reads) | WRITE * (fd in writes))
            for fd, key in self.keys.items()
            if fd in reads or fd in writes
        ]

    def get_map(self):
        return self.keys


class Loop6(Loop5):
    def __init__(self, selector=None):
        super().__init__(selector or Mine())
