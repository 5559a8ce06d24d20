# sleeps as long as it may: raised TypeError
import select

READ, WRITE = 1, 2


class Poll:
    def __init__(self):
        self.poll = select.poll()

    def ask(self, fd, events):
        if not events:
            return self.poll.unregister(fd)
        self.poll.register(
            fd, (select.POLLIN if events & READ else 0) | (select.POLLOUT if events & WRITE else 0)
        )

    def wait(self, timeout):
        found = self.poll.poll(timeout * 1000)
        return [(fd, READ * bool(flags & 1) | WRITE * bool(flags & 4)) for fd, flags in found]
