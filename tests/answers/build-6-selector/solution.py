import select


class Mine(selectors.BaseSelector):
    def __init__(self):
        self.poll, self.keys = select.poll(), {}

    def register(self, fileobj, events, data=None):
        fd = fileobj.fileno()
        key = self.keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        read, write = events & READ, events & WRITE
        self.poll.register(fd, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
        return key

    def unregister(self, fileobj):
        key = self.keys.pop(next(key.fd for key in self.keys.values() if key.fileobj is fileobj))
        self.poll.unregister(key.fd)
        return key

    def select(self, timeout=None):
        ready = []
        for fd, flags in self.poll.poll(None if timeout is None else timeout * 1000):
            key = self.keys[fd]
            events = (WRITE if flags & ~select.POLLIN else 0) | (READ if flags & ~select.POLLOUT else 0)
            if events & key.events:
                ready.append((key, events & key.events))
        return ready

    def get_map(self):
        return self.keys


class Loop6(Loop5):
    def __init__(self, selector=None):
        super().__init__(Mine() if selector is None else selector)
