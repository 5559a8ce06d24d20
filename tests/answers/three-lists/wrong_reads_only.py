# tells who may write: 18,000 bytes arrive
import select

READ, WRITE = 1, 2


class Select:
    def __init__(self):
        self.interest = {}

    def ask(self, fd, events):
        self.interest[fd] = events
        if not events:
            del self.interest[fd]

    def wait(self, timeout):
        r, _, _ = select.select([fd for fd in self.interest if self.interest[fd] & READ], [], [], timeout)
        return [(fd, READ) for fd in r]
