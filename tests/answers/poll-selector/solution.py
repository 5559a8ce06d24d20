import select

READ, WRITE = 1, 2


class Poll:
    def __init__(self):
        self.poll = select.poll()
        self.asked = {}

    def ask(self, fd, events):
        if events:
            read, write = events & READ, events & WRITE
            self.poll.register(fd, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
            self.asked[fd] = events
        else:
            self.poll.unregister(fd)
            del self.asked[fd]

    def wait(self, timeout):
        ready = []
        for fd, flags in self.poll.poll(None if timeout is None else timeout * 1000):
            events = WRITE if flags & select.POLLOUT else 0
            if flags & ~select.POLLOUT:  # hang-ups and errors too: recv will say
                events |= READ
            if events & self.asked[fd]:
                ready.append((fd, events & self.asked[fd]))
        return ready
