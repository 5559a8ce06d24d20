# sleeps as long as it may: It came back after
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
        readers = [fd for fd in self.interest if self.interest[fd] & READ]
        writers = [fd for fd in self.interest if self.interest[fd] & WRITE]
        r, w, _ = select.select(readers, writers, [], 0)
        return [(fd, READ * (fd in r) + WRITE * (fd in w)) for fd in {*r, *w}]
