# sleeps as long as it may: sleeps in epoll_wait
import select

READ, WRITE = 1, 2


class Epoll:
    def __init__(self):
        self.epoll = select.epoll()
        self.asked = set()

    def ask(self, fd, events):
        if not events:
            self.asked.discard(fd)
            return self.epoll.unregister(fd)
        flags = (select.EPOLLIN if events & READ else 0) | (select.EPOLLOUT if events & WRITE else 0)
        (self.epoll.modify if fd in self.asked else self.epoll.register)(fd, flags)
        self.asked.add(fd)

    def wait(self, timeout):
        found = self.epoll.poll(None if timeout is None else timeout * 1000)
        return [(fd, READ * bool(flags & 1) | WRITE * bool(flags & 4)) for fd, flags in found]
