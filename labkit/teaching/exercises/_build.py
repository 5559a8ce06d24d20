"""What the eight steps of "Build the loop" share: programs on a reader's loop, and what is asked of any loop.

`on_loop` runs in the answer's own process, the rest in the checker's.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

from labkit.tape.turn import Event
from labkit.teaching.practice_bench import WAITS
from labkit.teaching.practice_form import Failed, expect
from labkit.teaching.practice_stages import NEVER, NEVER_WAITS, Ended, Served

SPINS = 3000  # waits after which it is told that it does not sleep: no check needs as many


def on_loop(answer: Any, program: Callable[[Any, Any], Any], **options: Any) -> Served:
    """`program(loop, listener)` sets the reader's loop up; then it turns, for ever."""

    def serve(listener: socket.socket, selector: Any) -> None:
        loop = answer(selector)
        program(loop, listener)
        turning(loop.run_once, served)

    served = Served(serve, **options)
    return served


def turning(run_once: Callable[[], Any], served: Served, going: Callable[[], bool] = lambda: True) -> None:
    """Call run_once() again and again; Ended if it never waits, never sleeps, or asks of the closed."""
    waits, idle = 0, 0
    while going():
        try:
            run_once()
        except OSError as error:
            asked: Any = (served.selector.get_map() or {}).values()
            if error.errno == errno.EBADF and any(key.fileobj.fileno() < 0 for key in asked):
                raise Ended("It asks about a socket that is closed.") from None
            raise
        now = served.tape.dropped + len(served.tape)
        idle = 0 if now > waits else idle + 1
        waits = now
        if idle == NEVER:
            raise Ended(NEVER_WAITS)
        if waits > SPINS:
            raise Ended(f"It spins: it has waited {waits:,} times, and did not sleep.")


def accepting(loop: Any, listener: socket.socket, welcome: Callable[[socket.socket], Any]) -> None:
    """Have the loop accept: each connection is given to `welcome`."""

    def accept() -> None:
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        sock.setblocking(False)
        welcome(sock)

    loop.add_reader(listener, accept)


def until_ready(socks: list[socket.socket], seconds: float = 2.0) -> None:
    """Hold the loop up, as a slow handler does, until all these have something to be read."""
    import select
    import time

    until = time.monotonic() + seconds
    while len(select.select(socks, [], [], 0)[0]) < len(socks) and time.monotonic() < until:
        time.sleep(0.005)


# ---- what is asked of it -----------------------------------------------------------------------------------


def company(bench: Any, *names: str, **options: Any) -> tuple[Any, ...]:
    """(a stage, its peers …), all accepted, and the loop asleep."""
    stage = bench.open(**options)
    peers = []
    for name in names:
        peers.append(stage.connect(name))
        rests(stage, f"{name} has connected, and the loop sleeps in its selector.")
    return stage, *peers


def rests(stage: Any, expected: str) -> None:
    """The loop comes to rest, and that in its selector."""
    quiet = stage.quiet()
    expect(quiet and not stage.error, expected, "It never sleeps.", stage.last)
    where = stage.asleep_in or "no call"
    expect(stage.asleep_in in WAITS or stage.returned, expected, f"It sleeps in {where}.", None)


def echoed(stage: Any, bench: Any, peer: Any, what: str, data: bytes = b"") -> None:
    """What a peer sends comes back to them."""
    data = data or bench.text(bench.rng.randrange(5, 300))
    stage.send(peer, data)
    got = stage.take(peer, len(data))
    expect(got == data, f"{what}.", f"{len(got)} of {len(data)} bytes came back to {peer.name}.", stage.last)


def without_end(stage: Any) -> None:
    """Nothing is due: no wait has a timeout."""
    for turn in stage.tape:
        expect(
            turn.timeout is None,
            "Nothing is due, so each wait is without end: its timeout is None.",
            f"The loop asked to wait {turn.timeout} s.",
            turn.index,
        )


def handles_all(stage: Any) -> None:
    """In each turn whoever was reported ready had a call made."""
    for turn in stage.tape:
        called = {call.fd for call in turn.calls}
        left = [turn.name(fd) for fd in turn.ready if fd not in called]
        told = f"{', '.join(left)} waited for the next one"
        expect(not left, "Whoever is ready is handled in that turn.", f"In this turn {told}.", turn.index)


def interest_now(stage: Any, name: str) -> tuple[Event, int]:
    """(what the loop asks of a peer's fd, iteration) while it sleeps: a visitor ends its wait."""
    fd = stage.fd(name)
    stage.connect("visitor").close()
    stage.quiet()
    for turn in reversed(stage.tape):
        if any(turn.name(each) == "listener" for each in turn.ready):
            return turn.interest.get(fd, Event(0)), turn.index
    raise Failed("A visitor is accepted.", "The loop does not ask about its listener any more.", stage.last)


def asks(stage: Any, name: str, wanted: Event, why: str) -> None:
    """The sleeping loop asks about a peer for exactly this."""
    now, at = interest_now(stage, name)
    expect(now == wanted, f"{why}: the loop asks for {words(wanted)}.", f"It asks for {words(now)}.", at)


def words(events: Event) -> str:
    return " and ".join(each.name or "" for each in (Event.READ, Event.WRITE) if each & events) or "nothing"
