# tells who may write: the same fd twice
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
        r, w, _ = select.select(readers, writers, [], timeout)
        return [(fd, READ) for fd in r] + [(fd, WRITE) for fd in w]
