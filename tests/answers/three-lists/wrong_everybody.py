# tells who is ready: Only what is ready is called
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
        r, w, _ = select.select(list(self.interest), [], [], timeout)
        return list(self.interest.items()) if r else []
