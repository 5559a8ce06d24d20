import select

READ, WRITE = 1, 2


class Epoll:
    def __init__(self):
        self.epoll = select.epoll()
        self.asked = {}

    def ask(self, fd, events):
        if not events:
            self.epoll.unregister(fd)
            del self.asked[fd]
            return
        flags = (select.EPOLLIN if events & READ else 0) | (select.EPOLLOUT if events & WRITE else 0)
        (self.epoll.modify if fd in self.asked else self.epoll.register)(fd, flags)
        self.asked[fd] = events

    def wait(self, timeout):
        ready = []
        for fd, flags in self.epoll.poll(timeout):
            events = WRITE if flags & select.EPOLLOUT else 0
            if flags & ~select.EPOLLOUT:
                events |= READ
            if events & self.asked[fd]:
                ready.append((fd, events & self.asked[fd]))
        return ready
