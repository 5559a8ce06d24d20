import select


class Select:
    def __init__(self):
        self.r, self.w = set(), set()

    def ask(self, fd, events):
        for bit, fds in ((1, self.r), (2, self.w)):
            (fds.add if events & bit else fds.discard)(fd)

    def wait(self, timeout):
        r, w, _ = select.select(list(self.r), list(self.w), [], timeout)
        return [(fd, (fd in r) + 2 * (fd in w)) for fd in sorted({*r, *w})]
