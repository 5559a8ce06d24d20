"""Step 3: write interest. A socket may have two callbacks, and is asked about for what it has."""

import socket
from functools import partial
from typing import Any

from labkit.tape.turn import Event
from labkit.teaching.exercises import _build
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_reading import asked
from labkit.teaching.practice_stages import Served

TITLE, LESSON, ANSWER, ORDER, AFTER = "Step 3: write interest", "11", "Loop3", 3, "build-2-many"

STATEMENT = """
`Loop3` can also wait until a socket is *writable*.

- `add_writer(self, sock, callback)` and `remove_writer(self, sock)`: what `add_reader` and `remove_reader`
  are for reading.
- A socket may have a reader, a writer, both or neither. The loop asks the selector for exactly that. Adding
  or removing one leaves the other as it is; removing what is not there does nothing.
- `run_once` calls the reader if the socket is readable, and the writer if it is writable. A callback may
  remove either of them, and close the socket: what was removed is not called any more.

**Judged:** WRITE is asked for while there is a writer, and not longer; reading goes on meanwhile; a socket
whose reader is removed can still be written to; whoever was removed is left alone.
"""

STUB = """
import selectors

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

class Loop3(Loop2):
    def add_reader(self, sock, callback):
        self._set(sock, READ, callback)

    def remove_reader(self, sock):
        self._set(sock, READ, None)

    def add_writer(self, sock, callback):
        self._set(sock, WRITE, callback)

    def remove_writer(self, sock):
        self._set(sock, WRITE, None)

    def _set(self, sock, event, callback):
        key = self.selector.get_map().get(sock.fileno())  # None: not registered
        callbacks = dict(key.data) if key else {}  # {READ: …, WRITE: …}
        ...                             # put the callback in, or take it out
        events = sum(callbacks)
        ...                             # register, modify or unregister

    def run_once(self):
        for key, events in self.selector.select():
            self.handle(key, events)

    def handle(self, key, events):
        for event in (READ, WRITE):
            ...                         # is it ready for that, and is the callback still there?
"""

HINTS = (
    "Let key.data be a dictionary, {READ: callback, WRITE: callback}, with only those that are there. Its"
    " keys add up to the events that you ask for.",
    "register() is for what is not there yet, modify() for what is, unregister() when nothing is left. In"
    " handle look the callback up anew, right before you call it: the one before it may have removed it.",
    "_set: if callback: callbacks[event] = callback, else: callbacks.pop(event, None). Then: if not events:"
    " unregister if key; elif key: modify(sock, events, callbacks); else: register. handle: now ="
    " self.selector.get_map().get(key.fd); if now is there, events & event and event in now.data: call it.",
)

EXPLANATION = """
A socket with room in its send queue is writable *nearly always*. So a loop asks for that only while somebody
has something to say. asyncio's `add_reader`, `add_writer` and their opposites do what yours do, and with the
same selector. Looking a callback up anew before it is called is no pedantry: a callback that closes a socket
would otherwise see the writer of that closed socket called in the same turn.
"""


class Choir:
    """Answers forty times what it hears, by a writer. BYE closes; HOLD makes the others ready for both."""

    def __init__(self, loop: Any, listener: socket.socket) -> None:
        self.loop = loop
        self.pending: dict[socket.socket, bytearray] = {}
        self.ending: set[socket.socket] = set()
        _build.accepting(loop, listener, self.welcome)

    def welcome(self, sock: socket.socket) -> None:
        self.pending[sock] = bytearray()
        self.loop.add_reader(sock, partial(self.read, sock))

    def read(self, sock: socket.socket) -> None:
        data = sock.recv(4096)
        if data == b"BYE":
            self.close(sock)
        elif data == b"HOLD":
            self.hold(sock, [each for each in self.pending if each is not sock])
        elif data:
            self.say(sock, data * 40)
        else:
            self.ending.add(sock)
            self.loop.remove_reader(sock)
            if not self.pending[sock]:
                self.close(sock)

    def hold(self, sock: socket.socket, others: list[socket.socket]) -> None:
        sock.send(b"!")
        for each in others:
            self.say(each, b"news")
        _build.until_ready(others)

    def say(self, sock: socket.socket, data: bytes) -> None:
        self.pending[sock] += data
        self.loop.add_writer(sock, partial(self.write, sock))

    def write(self, sock: socket.socket) -> None:
        if sock not in self.pending:
            raise RuntimeError("the writer of a socket that was removed and closed was called")
        pending = self.pending[sock]
        del pending[: sock.send(pending)]
        if not pending:
            self.loop.remove_writer(sock)
            if sock in self.ending:
                self.close(sock)

    def close(self, sock: socket.socket) -> None:
        del self.pending[sock]
        self.loop.remove_reader(sock)
        self.loop.remove_writer(sock)
        sock.close()


def host(answer: Any, **options: Any) -> Served:
    return _build.on_loop(answer, Choir, **options)


def a_short_answer(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice")
    data = bench.text(10)
    stage.send(alice, data)
    got = stage.take(alice, 400)
    expect(got == data * 40, "alice gets an answer of 400 bytes.", f"{len(got)} came.", stage.last)
    _build.rests(stage, "alice has her answer, the writer is removed, and the loop sleeps.")
    _build.without_end(stage)
    write = asked(stage.tape, stage.fd("alice"), Event.WRITE)
    expect(write, "While there is a writer, the loop asks for WRITE.", "It never asked.", stage.last)
    _build.asks(stage, "alice", Event.READ, "alice has no writer any more")
    stage.send(alice, data)
    got = stage.take(alice, 400)
    expect(got == data * 40, "alice asks once more, and is answered.", f"{len(got)} bytes came.", stage.last)


def a_slow_reader(bench: Any) -> None:
    stage, alice, bob = _build.company(bench, "alice", "bob", buffers=16_384)
    first, second = bench.text(4000), bench.text(1700)
    stage.send(alice, first)
    _build.rests(stage, "alice reads nothing, her answer waits, and the loop sleeps.")
    stage.send(alice, second)
    _build.rests(stage, "alice sends more, it is read, and the loop sleeps.")
    _build.asks(stage, "alice", Event.READ | Event.WRITE, "alice has a reader and a writer")
    stage.send(bob, b"x")
    got = stage.take(bob, 40)
    expect(len(got) == 40, "alice is slow, and bob is answered.", f"{len(got)} bytes came.", stage.last)
    whole = first * 40 + second * 40
    got = stage.pump(alice, len(whole))
    expect(got == whole, f"alice reads on, and gets {len(whole):,} bytes.", f"{len(got):,} came.", stage.last)


def the_reader_is_removed(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice", buffers=16_384)
    data = bench.text(4000)
    stage.send(alice, data)
    alice.shutdown()
    _build.rests(stage, "alice has ended, her reader is removed, and the loop sleeps: her answer waits.")
    got = stage.pump(alice, 160_000)
    expect(
        got == data * 40, "Her writer stays, and she gets 160,000 bytes.", f"{len(got):,} came.", stage.last
    )
    stage.take(alice, 1)
    expect(alice.eof, "Then she is closed.", "She is not.", stage.last)


def removed_in_its_turn(bench: Any) -> None:
    stage, alice, bob = _build.company(bench, "alice", "bob")
    stage.send(bob, b"HOLD")  # alice is given a writer, and nothing is done until she has sent
    stage.take(bob, 1)
    stage.send(alice, b"BYE")  # now she is both readable and writable, and her reader closes her
    _build.rests(stage, "alice says bye, is removed, and the loop sleeps.")
    stage.take(alice, 10)
    expect(alice.eof, "alice says bye, and is closed.", "She is not.", stage.last)
    stage.send(bob, b"y")
    got = stage.take(bob, 40)
    expect(len(got) == 40, "alice was removed and closed; bob is answered.", f"{len(got)} came.", stage.last)


CHECKS = (
    Check("a short answer", 2, a_short_answer),
    Check("a slow reader", 2, a_slow_reader),
    Check("the reader is removed", 1, the_reader_is_removed),
    Check("removed in its turn", 1, removed_in_its_turn),
)
