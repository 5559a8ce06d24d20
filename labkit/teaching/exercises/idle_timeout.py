"""A timeout for idle peers: the nearest deadline is how long the loop may sleep."""

import contextlib
import time
from typing import Any

from labkit.tape.narrate import duration
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import Served

TITLE, LESSON, ANSWER, ORDER = "A timeout for idle peers", "09", "serve", 2

STATEMENT = """
Write `serve(listener, selector, limit)`: an echo server, in one thread, on one of Python's `selectors`,
that closes the connection of a peer from whom it has heard nothing for `limit` seconds.
`selector.select(timeout)` sleeps at most `timeout` seconds (`None`: without end). `time.monotonic()` is
the clock. `listener` is non-blocking; the function never returns.

**Judged:** it echoes; nobody is closed earlier than `limit` seconds after they were last heard (or
accepted); the loop never asks to sleep past the deadline of anybody; and it does not wake up without a
reason: with nobody there, it sleeps without end.
"""

STUB = """
import selectors
import time

def serve(listener, selector, limit):
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            sock = key.fileobj
            if sock is listener:
                sock, addr = listener.accept()
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ)
            else:
                data = sock.recv(4096)
                if data:
                    sock.send(data)
                else:
                    selector.unregister(sock)
                    sock.close()
"""

HINTS = (
    "How long may the loop sleep without being late for anybody?",
    "Keep {sock: deadline}. The timeout is the smallest deadline minus now (and not below 0); "
    "None if there is none. Every recv sets the deadline of its socket anew.",
    "timeout = max(0, min(deadlines.values()) - time.monotonic()) if deadlines else None. After "
    "the events: for every sock whose deadline is not later than now: unregister, close, forget.",
)

EXPLANATION = """
Timers need no thread and no signal: they are the last argument of `select`. Every event loop sleeps
until its nearest deadline: asyncio keeps them in a heap, and what you see as the timeout on its tape is
`call_later` and `sleep`. Waking up every few milliseconds to look at the clock is a busy poll with a
rest.
"""

LIMIT = 0.3


def host(answer: Any, **options: Any) -> Served:
    return Served(lambda listener, selector: answer(listener, selector, LIMIT), **options)


def _heard(stage: Any, name: str) -> tuple[list[float], float | None]:
    """(when something was heard of a peer, when it was closed), in seconds on the loop's clock."""
    heard: list[float] = []
    closed = None
    fd = stage.fd(name)
    for turn in stage.tape:
        for call in turn.calls:
            at = (turn.at_ns + turn.asleep_ns + call.at_ns) / 1e9
            if (call.name == "accept" and call.result == fd) or (
                call.fd == fd and call.name == "recv" and call.result
            ):
                heard.append(at)
            elif call.fd == fd and call.name == "close":
                closed = at
    return heard, closed


def _late(stage: Any, deadlines: list[tuple[float, float]]) -> None:
    """No wait that begins while a deadline (set at, due at) is ahead may last beyond it."""
    for turn in stage.tape:
        begins = turn.at_ns / 1e9
        for made, due in deadlines:
            if made < begins < due:
                late = turn.timeout is None or begins + turn.timeout > due + 0.1
                asked = "without end" if turn.timeout is None else f"for {turn.timeout:.2f} s"
                expect(
                    not late,
                    f"The next deadline is {due - begins:.2f} s away, and the loop asks to sleep no longer.",
                    f"It asks to sleep {asked}.",
                    turn.index,
                )


def _wait_for(stage: Any, peer: Any, seconds: float = 2.0) -> None:
    stage.take(peer, 1, within=seconds)
    stage.quiet()


def _sends(stage: Any, bench: Any, peer: Any) -> None:
    data = bench.text(7)
    if stage.send(peer, data):
        got = stage.take(peer, 7)
        expect(got == data or peer.eof, f"{peer.name} is echoed.", f"{len(got)} of 7 bytes came.", None)


def an_idle_peer(bench: Any) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    _wait_for(stage, alice)
    expect(
        alice.eof,
        f"alice is silent for {LIMIT} s, and her connection is closed.",
        "It stays open.",
        stage.last,
    )
    heard, closed = _heard(stage, "alice")
    early = closed is not None and closed - heard[-1] < LIMIT - 0.005
    after = duration(int(((closed or 0) - heard[-1]) * 1e9))
    expect(not early, f"She is closed {LIMIT} s after she has come.", f"It was {after} after.", stage.last)
    _late(stage, [(heard[-1], heard[-1] + LIMIT)])


def one_who_talks(bench: Any) -> None:
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    for _ in range(6):
        _sends(stage, bench, bob)
        time.sleep(0.09)
    _wait_for(stage, alice)
    expect(alice.eof, "alice is silent, and closed, though bob talks.", "She is not.", stage.last)
    _wait_for(stage, bob)
    expect(bob.eof, "bob talks no more, and is closed, too.", "He is not.", stage.last)
    heard, closed = _heard(stage, "bob")
    gap = next(
        (b - a for a, b in zip(heard, [*heard[1:], closed or heard[-1] + 9], strict=True) if b == closed), 9.0
    )
    expect(
        gap >= LIMIT - 0.005,
        f"bob talks, and is not closed before he has been silent for {LIMIT} s.",
        f"He was closed {gap:.2f} s after his last word.",
        stage.last,
    )
    first, _ = _heard(stage, "alice")
    _late(stage, [(first[0], first[0] + LIMIT)])


def nobody(bench: Any) -> None:
    stage = bench.open()
    with contextlib.closing(stage.connect("alice")) as alice:
        _sends(stage, bench, alice)
    stage.quiet()
    time.sleep(0.25)
    stage.quiet()
    turns = len(stage.tape)
    expect(
        turns <= 8,
        "alice has left, and nobody is there: the loop sleeps.",
        f"It has woken {turns} times.",
        stage.last,
    )
    with contextlib.suppress(IndexError):
        timeout = stage.tape[-1].timeout
        expect(stage.error is None, "The loop goes on.", f"{stage.error}.", stage.last)
        expect(timeout is None or timeout > 0, "It may sleep.", "It does not.", stage.last)


CHECKS = (
    Check("an idle peer", 2, an_idle_peer),
    Check("one who talks", 2, one_who_talks),
    Check("nobody", 1, nobody),
)
