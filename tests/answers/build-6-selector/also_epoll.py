import select


class Mine(selectors.BaseSelector):
    def __init__(self):
        self.epoll, self.keys = select.epoll(), {}

    def register(self, fileobj, events, data=None):
        key = selectors.SelectorKey(fileobj, fileobj.fileno(), events, data)
        self.epoll.register(
            key.fd, select.EPOLLIN * bool(events & READ) | select.EPOLLOUT * bool(events & WRITE)
        )
        self.keys[key.fd] = key
        return key

    def unregister(self, fileobj):
        key = self.keys.pop(fileobj.fileno())
        self.epoll.unregister(key.fd)
        return key

    def select(self, timeout=None):
        found = self.epoll.poll(timeout)
        both = [(self.keys[fd], READ * bool(e & ~select.EPOLLOUT) | WRITE * bool(e & ~1)) for fd, e in found]
        return [(key, events & key.events) for key, events in both if events & key.events]

    def get_map(self):
        return self.keys


class Loop6(Loop5):
    def __init__(self, selector=None):
        super().__init__(selector or Mine())
