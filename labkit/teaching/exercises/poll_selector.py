"""A wait on select.poll: an object that remembers, flags of its own, and milliseconds."""

from labkit.teaching.exercises import _asking

TITLE, LESSON, ANSWER, ORDER = "A selector on select.poll", "03", "Poll", 2

STATEMENT = f"""
Write a class `Poll` with two methods, on top of `select.poll()`.
{_asking.TASK}
Mind that `poll` has flags of its own (`select.POLLIN`, `select.POLLOUT`), and that it counts time
differently.

**Judged:** a loop that runs on your wait serves several peers, writes and sleeps as it should.
"""

STUB = """
import select

READ, WRITE = 1, 2

class Poll:
    def __init__(self):
        self.poll = select.poll()

    def ask(self, fd, events):
        self.poll.register(fd, events)

    def wait(self, timeout):
        return self.poll.poll(timeout)
"""

HINTS = (
    "Print select.POLLIN, select.POLLOUT, and help(select.poll().poll). Which of these numbers are yours?",
    "Translate both ways. register() of an fd that is known replaces its flags; 0 means "
    "unregister(). poll() takes milliseconds, or None.",
    "flags = (select.POLLIN if events & READ else 0) | (select.POLLOUT if events & WRITE else 0);"
    " self.poll.poll(None if timeout is None else timeout * 1000)",
)

EXPLANATION = """
`poll` keeps your interest set in Python, and hands all of it to the kernel in every call: still O(n),
but no limit at fd 1,024. It also tells you what nobody asked for: `POLLHUP`, `POLLERR`, and `POLLNVAL`
for an fd that is closed. Real loops count the first two as *readable*, so that the next `recv` finds
out. Seconds or milliseconds is a classic: asyncore's `poll2` multiplies, and so does the `selectors`
module, rounding up, so that a short timeout does not become a busy poll.
"""

host, CHECKS = _asking.host, _asking.CHECKS
