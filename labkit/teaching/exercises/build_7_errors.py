"""Step 7: errors. A callback that raises costs its own connection, and nobody else's."""

import socket
from functools import partial
from typing import Any

from labkit.teaching.exercises import _build
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_reading import calls
from labkit.teaching.practice_stages import Served

TITLE, LESSON, ANSWER, ORDER, AFTER = "Step 7: errors", "11", "Loop7", 7, "build-6-selector"

STATEMENT = """
`Loop7` outlives what its callbacks raise.

- If a reader or writer of a socket raises an `Exception`, the loop calls its own method
  `on_error(self, sock, error)`, and goes on, in the same turn, with whoever else is ready.
- Yours removes the socket's reader and writer, and closes it.
- If a timer's callback raises, it is `on_error(None, error)`. There is nothing to close.
- `SystemExit` and `KeyboardInterrupt` are meant for the program, and not for you: they end the loop.

A program may override `on_error`, to tell somebody, and call yours.

**Judged:** the loop goes on, sleeps, and serves all others, also those who were ready in the same turn; each
error is told once; whoever raised is not asked about any more, and closed; what is to end it ends it.
"""

STUB = """
class Loop7(Loop6):
    def on_error(self, sock, error):
        ...
"""

HINTS = (
    "Which of your methods calls callbacks, one at a time? An error should be caught there, and not around a"
    " whole turn.",
    "Override the method that calls a socket's callbacks, and the one that calls a timer's: try: super()…"
    " except Exception as error: self.on_error(…). `except Exception` lets SystemExit pass, a bare one not.",
    "def handle(self, key, events): try: super().handle(key, events); except Exception as error:"
    " self.on_error(key.fileobj, error). on_error: if sock is not None: remove_reader, remove_writer, close."
    " A callback may have closed it already: then its fileno() is -1.",
)

EXPLANATION = """
A loop serves everybody, so nobody's mistake may end it. But an error that is only swallowed leaves its socket
ready: the callback is called again, raises again, and the loop spins. So the price is one connection.
asyncio tells its exception handler, and closes the transport; asyncore calls `handle_error`, and closes the
channel.
"""


class Cursed:
    """An echo server of which some callbacks raise. It counts what on_error is told."""

    def __init__(self, loop: Any, listener: socket.socket) -> None:
        self.loop, self.told = loop, loop.told
        self.cursed: set[socket.socket] = set()
        self.socks: list[socket.socket] = []
        _build.accepting(loop, listener, self.welcome)

    def welcome(self, sock: socket.socket) -> None:
        self.socks.append(sock)
        self.loop.add_reader(sock, partial(self.read, sock))

    def read(self, sock: socket.socket) -> None:
        if sock in self.cursed:
            raise ValueError("a reader that raises")
        data = sock.recv(4096)
        if data == b"CURSE":
            self.cursed.add(sock)
        elif data == b"HOLD":
            sock.send(b"!")
            return _build.until_ready(
                [each for each in self.socks if each is not sock and each.fileno() >= 0]
            )
        elif data == b"WRITER":
            self.loop.add_writer(sock, self.fail)
        elif data == b"TIMER":
            self.loop.call_later(0, self.fail)
        elif data == b"EXIT":
            raise SystemExit("the program's own wish")
        elif data == b"TOLD":
            data = b",".join(self.told) or b"nothing"
        elif not data:
            self.loop.remove_reader(sock)
            return sock.close()
        sock.send(data)

    def fail(self) -> None:
        raise ValueError("a callback that raises")


def host(answer: Any, **options: Any) -> Served:
    class Telling(answer):  # type: ignore[misc]
        """What the reader's on_error is told is kept, before it does its work."""

        def __init__(self, selector: Any) -> None:
            super().__init__(selector)
            self.told: list[bytes] = []

        def on_error(self, sock: Any, error: Any) -> None:
            self.told.append(b"timer" if sock is None else b"socket")
            super().on_error(sock, error)

    return _build.on_loop(Telling, Cursed, **options)


def told(stage: Any, peer: Any, wanted: bytes) -> None:
    stage.send(peer, b"TOLD")
    got = stage.take(peer, len(wanted)) + stage.take(peer)
    expect(
        got == wanted,
        f"on_error was told of: {wanted.decode()}.",
        f"It was told of: {got.decode() or 'no answer'}.",
        stage.last,
    )


def lost(stage: Any, peer: Any, why: str) -> None:
    """A peer has lost their connection, and only they."""
    _build.rests(stage, f"{why}, and the loop goes on, and sleeps.")
    fd = stage.fd(peer.name)
    stage.take(peer, 99, within=0.5)
    expect(peer.eof, f"{why}: {peer.name} is closed.", "The connection stays open.", stage.last)
    closed = calls(stage.tape, fd, "close")
    expect(len(closed) == 1, f"{why}: the socket is closed once.", f"{len(closed)} times.", stage.last)


def a_reader_raises(bench: Any) -> None:
    stage, alice, bob = _build.company(bench, "alice", "bob")
    _build.echoed(stage, bench, alice, "alice's reader will raise", b"CURSE")
    stage.send(alice, bench.text(9))
    lost(stage, alice, "alice's reader raises")
    _build.echoed(stage, bench, bob, "alice's reader has raised, and bob is echoed")
    told(stage, bob, b"socket")
    carol = stage.connect("carol")
    _build.echoed(stage, bench, carol, "carol can still come")


def others_in_that_turn(bench: Any) -> None:
    stage, *peers = _build.company(bench, "alice", "bob", "carol", "dave")
    alice, bob, carol, dave = peers
    for peer in (alice, bob):  # two of them: one is handled after the other has raised
        _build.echoed(stage, bench, peer, f"{peer.name}'s reader will raise", b"CURSE")
    stage.send(dave, b"HOLD")
    stage.take(dave, 1)  # dave's callback waits until the others have sent
    for peer in (alice, bob, carol):
        stage.send(peer, b"in one turn")
    got = stage.take(carol, 11)
    expect(
        got == b"in one turn",
        "alice's and bob's readers raise, carol is echoed.",
        f"{got!r} came.",
        stage.last,
    )
    lost(stage, alice, "alice's reader raises")
    lost(stage, bob, "bob's reader raises")
    _build.handles_all(stage)


def writers_and_timers(bench: Any) -> None:
    stage, alice, bob = _build.company(bench, "alice", "bob")
    stage.send(alice, b"WRITER")
    lost(stage, alice, "alice's writer raises")
    _build.echoed(stage, bench, bob, "bob sets a timer that raises", b"TIMER")
    _build.rests(stage, "The timer raises, and the loop goes on, and sleeps.")
    _build.echoed(stage, bench, bob, "The timer has raised, and bob is echoed")
    told(stage, bob, b"socket,timer")


def what_is_to_end_it(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice")
    _build.echoed(stage, bench, alice, "alice is echoed")
    stage.send(alice, b"EXIT")
    stage.quiet()
    ended = stage.error or ""
    expect(ended.startswith("SystemExit"), "SystemExit ends the loop.", ended or "It went on.", stage.last)


CHECKS = (
    Check("a reader raises", 2, a_reader_raises),
    Check("others in that turn", 1, others_in_that_turn),
    Check("writers and timers", 1, writers_and_timers),
    Check("what is to end it", 1, what_is_to_end_it),
)
