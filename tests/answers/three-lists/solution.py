import select

READ, WRITE = 1, 2


class Select:
    def __init__(self):
        self.interest = {}

    def ask(self, fd, events):
        if events:
            self.interest[fd] = events
        else:
            self.interest.pop(fd, None)

    def wait(self, timeout):
        readers = [fd for fd, events in self.interest.items() if events & READ]
        writers = [fd for fd, events in self.interest.items() if events & WRITE]
        r, w, _ = select.select(readers, writers, [], timeout)
        ready = dict.fromkeys(r, READ)
        for fd in w:
            ready[fd] = ready.get(fd, 0) | WRITE
        return list(ready.items())
