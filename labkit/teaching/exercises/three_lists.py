"""A wait on select.select: three lists in, three lists out."""

from labkit.teaching.exercises import _asking

TITLE, LESSON, ANSWER, ORDER = "A wait on select.select", "03", "Select", 1

STATEMENT = f"""
Write a class `Select` with two methods, on top of `select.select`.
{_asking.TASK}
**Judged:** a loop that runs on your wait serves several peers, writes and sleeps as it should.
"""

STUB = """
import select

READ, WRITE = 1, 2

class Select:
    def __init__(self):
        self.interest = {}

    def ask(self, fd, events):
        self.interest[fd] = events

    def wait(self, timeout):
        r, w, x = select.select(list(self.interest), [], [], timeout)
        return [(fd, READ) for fd in r]
"""

HINTS = (
    "select.select takes three lists, and an fd that you want to read and write stands in two of them.",
    "Keep a dictionary {fd: events}; ask() with 0 deletes. In wait(), make the lists from it, and"
    " put what comes back together again: the same fd may be in both lists.",
    "ready = {}; for fd in r: ready[fd] = READ; for fd in w: ready[fd] = ready.get(fd, 0) | "
    "WRITE; return list(ready.items())",
)

EXPLANATION = """
`select` forgets everything between two calls: you hand over all the fds each time, the kernel looks at
each of them, and you put the answer together. That is what makes it O(n). It is also why it is hard to
get wrong: what is not in the lists is not asked about. Its fds must be *numbered* below 1,024.
"""

host, CHECKS = _asking.host, _asking.CHECKS
