# tells who is ready: raised OSError: [Errno 9]
import select

READ, WRITE = 1, 2


class Select:
    def __init__(self):
        self.readers, self.writers = set(), set()

    def ask(self, fd, events):
        if events & READ:
            self.readers.add(fd)
        if events & WRITE:
            self.writers.add(fd)
        elif events:
            self.writers.discard(fd)

    def wait(self, timeout):
        r, w, _ = select.select(self.readers, self.writers, [], timeout)
        return [(fd, READ * (fd in r) + WRITE * (fd in w)) for fd in {*r, *w}]
