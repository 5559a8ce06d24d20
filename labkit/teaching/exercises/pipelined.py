"""Pipelined replies in order: results come when they are ready, replies in the order of the questions."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.loop import Channel
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "Pipelined replies in order", "08", "InOrder", 4

STATEMENT = """
A client may send several requests without waiting; then the replies must come in the order of the
requests (HTTP/1.1 and our RPC have no numbers in them). But some take longer than others. Write a class
`InOrder` with two methods, one object for each connection.

- `asked(self, key)`: a request has arrived. `key` is its name, unique as long as it is not answered.
- `finished(self, key, reply)`: its result is there, `reply` is a `bytes`. Return a list of the replies
  that can be sent **now**, in the order in which they were asked for.

**Judged:** all orders in which three requests can finish; nothing is held back for longer than it must
be, nothing is sent twice; keys are used again.
"""

STUB = """
class InOrder:
    def asked(self, key):
        pass

    def finished(self, key, reply):
        return [reply]
"""

HINTS = (
    "Which request may be answered next, whatever else has finished?",
    "Keep the keys in the order in which they were asked, and the replies that are finished but "
    "must wait. When one finishes, look how many at the front of the line are finished.",
    "self.replies[key] = reply; ready = []; while self.line and self.line[0] in self.replies: "
    "ready.append(self.replies.pop(self.line.pop(0))); return ready",
)

EXPLANATION = """
This is *head-of-line blocking*, built on purpose: one slow request holds back all that were asked after
it. It is the price of a protocol whose messages carry no number. HTTP/2 and most RPC protocols number
their requests and answer in any order.
"""


def host(answer: Any, **options: Any) -> Lab:
    class Pipeline(Channel):
        def __init__(self, loop: Any, sock: Any, addr: Any) -> None:
            super().__init__(loop, sock, addr)
            self.order = answer()

        def handle_read(self) -> None:
            for word in self.recv(4096).decode().split():
                if word[0] == "?":
                    self.order.asked(word[1:])
                else:
                    for reply in self.order.finished(word[1:], f"<{word[1:]}>".encode()):
                        self.write(reply)

    return Lab(Pipeline, **options)


def _told(bench: Any, steps: list[tuple[str, str]]) -> None:
    """Each step: what is sent (?a asked, !a finished), and what must come back at once."""
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    story: list[str] = []
    for sent, wanted in steps:
        alice.send(f"{sent} ".encode())
        stage.quiet()
        story += [{"?": "asked ", "!": "finished "}[word[0]] + word[1:] for word in sent.split()]
        got = stage.take(alice, len(wanted)) + stage.take(alice)
        shown = got.decode(errors="replace") or "nothing"
        what = f"{', '.join(story)}: now {wanted or 'nothing'} can be sent."
        expect(got == wanted.encode(), what, f"It returned {shown}.", stage.last)


def in_order(bench: Any) -> None:
    _told(bench, [("?a", ""), ("!a", "<a>"), ("?b ?c", ""), ("!b", "<b>"), ("!c", "<c>")])


def out_of_order(bench: Any) -> None:
    _told(bench, [("?a ?b", ""), ("!b", ""), ("!a", "<a><b>")])
    _told(bench, [("?c ?b ?a", ""), ("!a", ""), ("!c", "<c>"), ("!b", "<b><a>")])
    _told(bench, [("?a ?b ?c", ""), ("!c", ""), ("!b", ""), ("!a", "<a><b><c>")])
    _told(bench, [("?a ?b ?c", ""), ("!b", ""), ("!a", "<a><b>"), ("?d", ""), ("!d", ""), ("!c", "<c><d>")])


def again(bench: Any) -> None:
    _told(
        bench,
        [("?a", ""), ("!a", "<a>"), ("?a ?b", ""), ("!b", ""), ("!a", "<a><b>"), ("?b", ""), ("!b", "<b>")],
    )


CHECKS = (Check("in order", 1, in_order), Check("out of order", 3, out_of_order), Check("again", 1, again))
