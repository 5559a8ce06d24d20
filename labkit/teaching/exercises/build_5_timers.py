"""Step 5: timers. The nearest of them is the timeout of the wait."""

import socket
import time
from functools import partial
from typing import Any

from labkit.tape.narrate import duration, plural
from labkit.teaching.exercises import _build
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import Served

TITLE, LESSON, ANSWER, ORDER, AFTER = "Step 5: timers", "11", "Loop5", 5, "build-4-buffers"

STATEMENT = """
`Loop5` can call something later. The clock is `time.monotonic()`.

- `call_at(self, when, callback)`: call it when the clock says `when`, or as soon after that as it can.
  Timers for the same moment are called in the order in which they were set.
- `call_later(self, seconds, callback)`: the same, `seconds` from now.
- Both return a timer with a method `cancel()`.
- `run_once` waits until the nearest timer is due, at most; without end, if there is none. What is due is
  called in every turn, also when sockets are ready. What a timer sets for *now* is called in the next turn.

**Judged:** nothing is called early; no wait is asked to last past a timer; nobody looks at the clock again
and again; sockets and timers do not keep each other waiting; what is cancelled is not called.
"""

STUB = """
import heapq
import itertools
import time

class Timer:
    def __init__(self, callback):
        self.callback = callback

    def cancel(self):
        self.callback = None

class Loop5(Loop4):
    def __init__(self, selector):
        super().__init__(selector)
        self.timers, self.count = [], itertools.count()

    def call_at(self, when, callback):
        timer = Timer(callback)
        heapq.heappush(self.timers, (when, next(self.count), timer))
        return timer

    def call_later(self, seconds, callback):
        ...

    def run_once(self):
        ...                             # how long may it wait?
        ...                             # wait, and handle what is ready
        ...                             # call what is due
"""

HINTS = (
    "heapq keeps the nearest timer at self.timers[0]. Its `when` minus now is how long the loop may wait.",
    "timeout = max(0, self.timers[0][0] - time.monotonic()) if self.timers else None. After the sockets: take"
    " out of the heap all that are due first, and then call them.",
    "now = time.monotonic(); due = []; while self.timers and self.timers[0][0] <= now:"
    " due.append(heapq.heappop(self.timers)[2]). Then: for timer in due: if timer.callback: timer.callback()",
)

EXPLANATION = """
No clock interrupts a loop, and no thread counts. The timeout of the wait was there all the time; a heap says
what it has to be. The number in the middle of each entry is no decoration: without it two timers for the same
moment would be compared by their third part, which Python cannot. asyncio's `call_later` does the same.
"""

MOST = 5  # turns for one timer: a wait may end a little early, and be asked once more
SLACK = 0.3  # seconds that a busy machine may take between the reading of a clock and the wait


class Clock:
    """Does as it is told: numbers are said back after so many milliseconds."""

    def __init__(self, loop: Any, listener: socket.socket) -> None:
        self.loop = loop
        self.socks: list[socket.socket] = []
        _build.accepting(loop, listener, self.welcome)

    def welcome(self, sock: socket.socket) -> None:
        self.socks.append(sock)
        self.loop.add_reader(sock, partial(self.read, sock))

    def read(self, sock: socket.socket) -> None:
        data, say = sock.recv(4096), sock.send
        if data[:1].isdigit():
            for each in data.split():
                self.loop.call_later(int(each) / 1000, partial(say, each))
        elif data == b"TIE":
            when = time.monotonic() + 0.03
            for letter in (b"a", b"b", b"c"):
                self.loop.call_at(when, partial(say, letter))
        elif data == b"CANCEL":
            self.loop.call_later(0.05, partial(say, b"cancelled")).cancel()
            self.loop.call_later(0.1, partial(say, b"kept"))
        elif data == b"CHAIN":
            self.loop.call_later(0, partial(self.chain, say, 5))
        elif data == b"HOLD":
            say(b"!")
            self.loop.call_later(0.04, partial(say, b"40"))
            _build.until_ready([each for each in self.socks if each is not sock])
            time.sleep(0.08)
        elif not data:
            self.loop.remove_reader(sock)
            self.socks.remove(sock)
            sock.close()

    def chain(self, say: Any, left: int) -> None:
        say(b".")
        if left > 1:
            self.loop.call_later(0, partial(self.chain, say, left - 1))


def host(answer: Any, **options: Any) -> Served:
    return _build.on_loop(answer, Clock, **options)


def moments(stage: Any, name: str, call: str) -> list[tuple[int, float]]:
    """(iteration, seconds on the loop's clock) of each call on a peer's fd that moved bytes."""
    fd = stage.fd(name)
    return [
        (turn.index, (turn.at_ns + turn.asleep_ns + each.at_ns) / 1e9)
        for turn in stage.tape
        for each in turn.calls
        if each.fd == fd and each.name == call and each.result
    ]


def in_time(stage: Any, name: str, *delays: float) -> None:
    """A peer's last word was answered after these seconds, and no wait was asked to last past any of them."""
    asked, at = moments(stage, name, "recv")[-1]
    answers = moments(stage, name, "send")[-len(delays) :]
    for delay, (sent, then) in zip(delays, answers, strict=True):
        expect(
            then >= at + delay - 0.002,
            f"{name} is answered after {delay} s.",
            f"It was after {duration(int((then - at) * 1e9))}.",
            sent,
        )
    for turn in stage.tape:
        begins = turn.at_ns / 1e9
        ahead = [at + delay - begins for delay in delays if at < begins < at + delay]
        if ahead:
            end = "without end" if turn.timeout is None else f"{turn.timeout:.2f} s"
            expect(
                turn.timeout is not None and turn.timeout <= min(ahead) + SLACK,
                f"A timer is due in {min(ahead):.2f} s, and the loop asks to wait no longer.",
                f"It asks to wait {end}.",
                turn.index,
            )
    turns = answers[-1][0] - asked
    told = f"It looked at the clock {turns:,} times."
    expect(turns <= MOST * len(delays), "It sleeps until a timer is due.", told, answers[-1][0])


def one_timer(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice")
    _build.without_end(stage)
    stage.send(alice, b"500")
    _build.rests(stage, "A timer is set, and the loop sleeps in its selector.")
    got = stage.take(alice, 3, within=2.0)
    expect(got == b"500", "alice is answered 0.5 s later.", f"{got!r} came.", stage.last)
    _build.rests(stage, "The timer is over, and the loop sleeps.")
    in_time(stage, "alice", 0.5)
    _build.interest_now(stage, "alice")
    last = stage.tape[-1]
    expect(last.timeout is None, "No timer is left: it waits without end.", f"{last.timeout} s.", last.index)


def several(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice")
    stage.send(alice, b"240 80 450")
    got = stage.take(alice, 8, within=2.0)
    expect(
        got == b"80240450",
        "Three timers of 80, 240 and 450 ms are called in time.",
        f"{got!r} came.",
        stage.last,
    )
    _build.rests(stage, "All timers are over, and the loop sleeps.")
    in_time(stage, "alice", 0.08, 0.24, 0.45)


def between_sockets(bench: Any) -> None:
    stage, alice, bob, carol = _build.company(bench, "alice", "bob", "carol")
    stage.send(bob, b"HOLD")  # sets a timer of 40 ms, and comes back after it, when the others have sent
    stage.take(bob, 1)
    stage.send(carol, b"1")
    stage.send(alice, b"1")
    got = stage.take(bob, 2, within=2.0)
    expect(got == b"40", "bob's timer is called, though sockets are ready.", f"{got!r} came.", stage.last)
    for peer in (alice, carol):
        got = stage.take(peer, 1, within=2.0)
        expect(got == b"1", f"{peer.name} is answered, too.", f"{got!r} came.", stage.last)
    _build.rests(stage, "All timers are over, and the loop sleeps.")
    held, _ = moments(stage, "bob", "recv")[0]
    sent, _ = moments(stage, "bob", "send")[1]
    expect(
        sent <= held + 1,
        "A timer that is due is called in the next turn, whether sockets are ready or not.",
        f"It was called {sent - held} turns later.",
        held + 1,
    )


def the_small_print(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice")
    stage.send(alice, b"TIE")
    got = stage.take(alice, 3, within=2.0)
    expect(
        got == b"abc",
        "Three timers for the same moment are called in their order.",
        f"{got!r} came.",
        stage.last,
    )
    asked, called = moments(stage, "alice", "recv")[-1][1], moments(stage, "alice", "send")[-3]
    expect(
        called[1] >= asked + 0.028,
        "A timer is not called before time.monotonic() says its `when`.",
        f"It was set for 0.03 s later, and called after {duration(int((called[1] - asked) * 1e9))}.",
        called[0],
    )
    stage.send(alice, b"CANCEL")
    got = stage.take(alice, 4, within=2.0)
    expect(
        got == b"kept", "Of two timers one was cancelled, the other is called.", f"{got!r} came.", stage.last
    )
    stage.send(alice, b"CHAIN")
    got = stage.take(alice, 5, within=2.0)
    expect(got == b".....", "Each timer sets the next for now, five in all.", f"{got!r} came.", stage.last)
    _build.rests(stage, "No timer is left, and the loop sleeps.")
    turns = [index for index, _ in moments(stage, "alice", "send")][-5:]
    expect(
        len(set(turns)) == 5,
        "What a timer sets for now is called in the next turn: sockets have theirs in between.",
        f"Five were called in {plural(len(set(turns)), 'turn')}.",
        turns[-1],
    )


CHECKS = (
    Check("one timer", 2, one_timer),
    Check("several", 1, several),
    Check("between sockets", 1, between_sockets),
    Check("the small print", 1, the_small_print),
)
