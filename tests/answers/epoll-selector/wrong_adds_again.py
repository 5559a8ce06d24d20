# tells who may write: raised FileExistsError
import select

READ, WRITE = 1, 2


class Epoll:
    def __init__(self):
        self.epoll = select.epoll()

    def ask(self, fd, events):
        if not events:
            return self.epoll.unregister(fd)
        self.epoll.register(
            fd, (select.EPOLLIN if events & READ else 0) | (select.EPOLLOUT if events & WRITE else 0)
        )

    def wait(self, timeout):
        found = self.epoll.poll(timeout)
        return [(fd, READ * bool(flags & 1) | WRITE * bool(flags & 4)) for fd, flags in found]
