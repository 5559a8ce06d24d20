# tells who may write: not asked for: 5
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
        return self.poll.poll(None if timeout is None else timeout * 1000)
