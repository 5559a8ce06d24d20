# tells who may write:  did.
import select

READ, WRITE = 1, 2


class Epoll:
    def __init__(self):
        self.epoll = select.epoll()
        self.asked = {}

    def ask(self, fd, events):
        if not events:
            del self.asked[fd]
            return self.epoll.unregister(fd)
        if fd not in self.asked:
            self.epoll.register(fd, select.EPOLLIN)
        self.asked[fd] = events

    def wait(self, timeout):
        return [(fd, READ) for fd, flags in self.epoll.poll(timeout) if flags & 1]
