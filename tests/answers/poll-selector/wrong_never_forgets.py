# tells who is ready: that was not asked about
import select

READ, WRITE = 1, 2


class Poll:
    def __init__(self):
        self.poll = select.poll()

    def ask(self, fd, events):
        if events:
            self.poll.register(fd, select.POLLIN | (select.POLLOUT if events & WRITE else 0))

    def wait(self, timeout):
        found = self.poll.poll(None if timeout is None else timeout * 1000)
        return [(fd, READ * bool(flags & ~4) | WRITE * bool(flags & 4)) for fd, flags in found]
