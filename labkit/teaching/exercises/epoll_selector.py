"""A wait on epoll: the kernel keeps the interest set, and is told only what changes."""

from labkit.teaching.exercises import _asking

TITLE, LESSON, ANSWER, ORDER = "A selector on epoll", "03", "Epoll", 3

STATEMENT = f"""
Write a class `Epoll` with two methods, on top of `select.epoll()`.
{_asking.TASK}
Report what *is* ready (level-triggered, epoll's own way), not only what has just become so.

**Judged:** a loop that runs on your wait serves several peers, writes and sleeps as it should.
"""

STUB = """
import select

READ, WRITE = 1, 2

class Epoll:
    def __init__(self):
        self.epoll = select.epoll()

    def ask(self, fd, events):
        self.epoll.register(fd, events)

    def wait(self, timeout):
        return self.epoll.poll(timeout)
"""

HINTS = (
    "epoll has three orders: add, change, remove. When is which one due?",
    "register() raises FileExistsError for an fd that is in the set; that is modify()'s work. The"
    " flags are EPOLLIN and EPOLLOUT; poll() takes seconds.",
    "Keep a dictionary {fd: events} to know whether an fd is new: register, modify or, for 0, "
    "unregister. In wait() translate the flags back.",
)

EXPLANATION = """
The set lives in the kernel: `register`, `modify` and `unregister` are system calls (`epoll_ctl`), and
`wait` hands over nothing and gets only what is ready. That is why ten thousand idle connections cost it
nothing. The price: the kernel's set and yours can disagree. An fd that is closed leaves the set by
itself, unless it has a duplicate, and then it goes on reporting under a number that may be somebody
else's by now. So: unregister first, then close.
"""

host, CHECKS = _asking.host, _asking.CHECKS
