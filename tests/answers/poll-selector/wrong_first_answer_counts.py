# tells who may write: 18,000 bytes arrive
import select

READ, WRITE = 1, 2


class Poll:
    def __init__(self):
        self.poll = select.poll()
        self.known = set()

    def ask(self, fd, events):
        if not events:
            self.known.discard(fd)
            self.poll.unregister(fd)
        elif fd not in self.known:
            self.known.add(fd)
            self.poll.register(
                fd, (select.POLLIN if events & READ else 0) | (select.POLLOUT if events & WRITE else 0)
            )

    def wait(self, timeout):
        found = self.poll.poll(None if timeout is None else timeout * 1000)
        return [(fd, READ * bool(flags & 1) | WRITE * bool(flags & 4)) for fd, flags in found]
