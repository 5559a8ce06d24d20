"""Step 6: a selector of choice. The wait itself, on select, poll or epoll."""

import selectors
import socket
from typing import Any

from labkit.record.selectors import RecordingSelector, named
from labkit.teaching.exercises import _build, build_5_timers
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import Ended, Served, Stoppable

TITLE, LESSON, ANSWER, ORDER, AFTER = "Step 6: a selector of choice", "11", "Loop6", 6, "build-5-timers"

STATEMENT = """
So far the wait was Python's. Write your own: a class `Mine(selectors.BaseSelector)` on `select.select`,
`select.poll` or `select.epoll`, whichever you choose.

- `register(self, fileobj, events, data=None)` and `unregister(self, fileobj)`: both return a
  `selectors.SelectorKey(fileobj, fd, events, data)`. (`modify` is inherited: one after the other.)
- `select(self, timeout=None)`: a list of `(key, events)`. `timeout` is in **seconds**; `None`: without end.
- `get_map(self)`: a dictionary `{fd: key}`.

`Loop6` is your `Loop5`, but `Loop6()` waits on a `Mine()`. `Loop6(selector)` waits on the one it is given.

**Judged:** a program that reads, writes, has timers and loses peers runs on your wait; it is told what is
ready, and nothing else; and it sleeps as long as it may, and no shorter.
"""

STUB = """
import select
import selectors

class Loop6(Loop5):
    def __init__(self, selector=None):
        super().__init__(selector)
"""

HINTS = (
    "Keep a dictionary {fd: key}: register puts a key in, unregister takes it out, get_map returns it.",
    "poll and epoll have flags of their own, POLLIN and POLLOUT, and poll counts milliseconds. Round up:"
    " a wait that is too short by half a millisecond becomes a busy poll. A hang-up counts as readable.",
    "select.select: r = [fd for fd, key in self.keys.items() if key.events & READ], w the same with WRITE; r,"
    " w, _ = select.select(r, w, [], timeout); then for each fd in either: (key, READ or WRITE or both).",
)

EXPLANATION = """
The loop does not know what it waits on: that is what a selector is for, and why asyncio runs on four kinds of
it. Yours asks anew about everything in each wait, or tells the kernel what changes; the callbacks do not
notice. What differs is what it costs, with ten thousand that are silent.
"""


def host(answer: Any, **options: Any) -> Served:
    def serve(listener: socket.socket, selector: Any) -> None:
        loop = answer()
        own = loop.selector
        if not isinstance(own, selectors.BaseSelector) or type(own).__module__ == "selectors":
            raise Ended(f"Loop6() waits on a {type(own).__name__}: let it wait on a selector of your own.")
        if isinstance(served.inner, Stoppable):
            served.inner.stand_in(own)
        loop.selector = served.selector = RecordingSelector(own, recorder=served.recorder)
        served.tape.about["selector"] = named(own)[0]
        Both(loop, listener)
        _build.turning(loop.run_once, served)

    served = Served(serve, **options)
    return served


class Both(build_5_timers.Clock):
    """Numbers are said back later, as by Clock; other words are answered at once, by a Connection."""

    def welcome(self, sock: socket.socket) -> None:
        self.loop.attach(sock, self.heard)

    def heard(self, connection: Any, data: bytes) -> None:
        if data.isdigit():
            self.loop.call_later(int(data) / 1000, lambda: connection.write(data))
        else:
            connection.write(data * 20)


def who_may_be_read(bench: Any) -> None:
    stage, alice, bob, carol = _build.company(bench, "alice", "bob", "carol")
    for peer in bench.rng.sample([alice, bob, carol], 3):
        data = bench.text(30)
        stage.send(peer, data)
        got = stage.take(peer, 600)
        expect(got == data * 20, f"{peer.name} is answered.", f"{len(got)} bytes came.", stage.last)
        _build.rests(stage, f"{peer.name} is answered, and the loop sleeps in your selector.")
    _build.without_end(stage)
    for turn in stage.tape:
        for fd, events in turn.ready.items():
            more = events & ~turn.interest.get(fd, events)
            expect(
                not more,
                "What is reported ready was asked for.",
                f"{turn.name(fd)} was reported ready for {_build.words(more)}, which nobody asked.",
                turn.index,
            )


def who_may_be_written_to(bench: Any) -> None:
    stage, alice, bob = _build.company(bench, "alice", "bob", buffers=8192)
    data = bench.text(3000)
    stage.send(alice, data)
    _build.rests(stage, "alice reads nothing, her answer waits, and the loop sleeps.")
    stage.send(bob, b"x")
    got = stage.take(bob, 20)
    expect(len(got) == 20, "bob is answered meanwhile.", f"{len(got)} bytes came.", stage.last)
    got = stage.pump(alice, 60_000)
    expect(len(got) == 60_000, "alice reads, and gets 60,000 bytes.", f"{len(got):,} came.", stage.last)
    _build.rests(stage, "alice has all, and the loop sleeps.")


def as_long_as_it_may(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice")
    for delay in (1, 203, 7):
        stage.send(alice, b"%d" % delay)
        got = stage.take(alice, len(str(delay)), within=2.0)
        expect(got == b"%d" % delay, f"alice is answered {delay} ms later.", f"{got!r} came.", stage.last)
        _build.rests(stage, f"The timer of {delay} ms is over, and the loop sleeps.")
        build_5_timers.in_time(stage, "alice", delay / 1000)


def who_leaves(bench: Any) -> None:
    stage, alice, bob = _build.company(bench, "alice", "bob")
    alice.shutdown()
    stage.take(alice, 1)
    expect(alice.eof, "alice has left, and is closed.", "She is not.", stage.last)
    _build.rests(stage, "alice has left, and the loop sleeps.")
    carol = stage.connect("carol")
    _build.rests(stage, "carol has come, with the number of alice's fd, and the loop sleeps.")
    for peer in (carol, bob):
        stage.send(peer, b"y")
        got = stage.take(peer, 20)
        expect(len(got) == 20, f"{peer.name} is answered.", f"{len(got)} bytes came.", stage.last)


CHECKS = (
    Check("who may be read", 2, who_may_be_read),
    Check("who may be written to", 1, who_may_be_written_to),
    Check("as long as it may", 2, as_long_as_it_may),
    Check("who leaves", 1, who_leaves),
)
