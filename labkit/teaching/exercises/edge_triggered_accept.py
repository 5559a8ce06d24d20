"""Edge-triggered accept: one event, many newcomers."""

from typing import Any

from labkit.loop import Channel
from labkit.record.edge import EdgeSelector
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import with_listener

TITLE, LESSON, ANSWER, ORDER = "Edge-triggered accept", "04", "EdgeListener", 3

STATEMENT = """
This loop is edge-triggered, and several clients knock before it looks: that is **one** event. Write a
class `EdgeListener(Listener)` whose `handle_read(self)` lets all of them in: for each, `sock, addr =
self.socket.accept()` and `self.handler(self.loop, sock, addr)`. `self.socket` is non-blocking.

**Judged:** everybody who has knocked is let in and served, also those who come later; `handle_read`
never waits and raises nothing.
"""

STUB = """
from labkit import Listener

class EdgeListener(Listener):
    def handle_read(self):
        sock, addr = self.socket.accept()
        self.handler(self.loop, sock, addr)
"""

HINTS = (
    "How do you know that nobody is waiting any more?",
    "accept() says so as recv() does: it raises BlockingIOError.",
    "while True: try: sock, addr = self.socket.accept() except BlockingIOError: return; "
    "self.handler(self.loop, sock, addr)",
)

EXPLANATION = """
A listener's queue is the backlog, and `accept` takes one connection out of it. With edge-triggering the
event comes when the queue gets a newcomer, not while it has one: whoever accepts once per event leaves
people standing in a full hall, until the next one comes, who then takes the place of the first. It is
the same rule as for bytes: until `EAGAIN`.
"""


def host(answer: Any, **options: Any) -> Any:
    class Echo(Channel):
        def handle_read(self) -> None:
            while data := self.recv(1024):
                self.write(data)

    return with_listener(answer, Echo, selector=EdgeSelector(), **options)


def _served(stage: Any, bench: Any, count: int) -> int:
    served = 0
    for peer in list(stage.peers.values())[-count:]:
        data = bench.text(6)
        stage.send(peer, data)
        stage.quiet()
        served += stage.take(peer, 6, within=0.2) == data
    return served


def all_at_once(bench: Any) -> None:
    stage = bench.open()
    for n in range(3):
        stage.connect(f"peer {n}")
    stage.step()
    accepted = sum(call.name == "accept" and not call.errno for turn in stage.tape for call in turn.calls)
    expect(
        accepted == 3,
        "Three have knocked, and all are let in.",
        f"{accepted} of 3 were accepted.",
        stage.last,
    )
    served = _served(stage, bench, 3)
    expect(served == 3, "All three are served.", f"{served} are.", stage.last)
    wrong = [(turn.index, text) for turn in stage.tape for _, text in turn.errors]
    expect(
        not wrong, "handle_read raises nothing.", f"It raised {wrong[:1]}.", wrong[0][0] if wrong else None
    )


def a_crowd(bench: Any) -> None:
    stage = bench.open()
    count = 12 + bench.rng.randrange(8)
    for n in range(count):
        stage.connect(f"peer {n}")
    stage.quiet()
    accepted = sum(call.name == "accept" and not call.errno for turn in stage.tape for call in turn.calls)
    expect(
        accepted == count,
        f"A crowd of {count} is let in.",
        f"{count - accepted} of them stand outside.",
        stage.last,
    )


def one_later(bench: Any) -> None:
    stage = bench.open()
    for n in range(2):
        stage.connect(f"peer {n}")
    stage.quiet()
    stage.connect("late")
    stage.quiet()
    served = _served(stage, bench, 1)
    expect(served == 1, "One who comes later is served.", "They are not.", stage.last)


CHECKS = (
    Check("all at once", 2, all_at_once),
    Check("a crowd", 1, a_crowd),
    Check("one later", 1, one_later),
)
