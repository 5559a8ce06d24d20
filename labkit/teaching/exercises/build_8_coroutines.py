"""Step 8: a Future and coroutines. What waits is a coroutine, and what wakes it is a callback of the loop."""

import socket
from typing import Any

from labkit.tape.turn import Event
from labkit.teaching.exercises import _build, build_5_timers
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import Served

TITLE, LESSON, ANSWER, ORDER = "Step 8: a Future and a coroutine", "11", "Loop8", 8
AFTER = "build-7-errors"

STATEMENT = """
`Loop8` runs coroutines. It stays one thread, and uses nothing of asyncio's.

- `create_future(self)`: a future, a box for a result that is not there yet. `future.set_result(value)` or
  `future.set_exception(error)` fills it, once. `await future` waits for it, and returns or raises that; at
  once, if it is full already. Several may await the same.
- `create_task(self, coroutine)`: runs the coroutine, from the next turn on. A task is a future: it can be
  awaited for what the coroutine returns or raises.
- Coroutines of the loop: `sleep(self, seconds)`, `accept(self, sock)` (returns the new socket, non-blocking),
  `recv(self, sock, size)`, and `sendall(self, sock, data)`, which returns when the kernel has taken all.

**Judged:** a server of coroutines serves everybody, however slowly one of them reads, sleeps or waits; the
loop asks for what a coroutine waits for, and for nothing else; it sleeps when nobody can go on; results and
errors reach whoever awaits them.
"""

STUB = """
class Loop8(Loop7):
    ...
"""

HINTS = (
    "A coroutine is run by send(None). Where it awaits something that is not there, send() returns what that"
    " something has yielded: let it be the future. The future's callback then goes on with that coroutine.",
    "Future: a list of callbacks, called when it is filled; __await__ is a generator: if it is not filled,"
    " yield self; then return the result, or raise. Task(Future): step() calls coroutine.send(None). It fills"
    " itself by StopIteration's value, or by an Exception; otherwise step is to be called by the future that"
    " came back.",
    "recv: future = self.create_future(); self.add_reader(sock, lambda: future.set_result(None)); try: await"
    " future, finally: self.remove_reader(sock); return sock.recv(size). sleep: the same with call_later.",
)

EXPLANATION = """
`await` is a `return` to the loop, with a note of where to go on. Under it is all that you built before: a
reader that is added while somebody waits, a timer that is the timeout of the wait, a callback that fills a
box. This is asyncio, but for its years of care: cancellation, errors that nobody awaits, other systems. You
could read its `base_events.py` now.
"""


class Coroutines:
    """A server of coroutines, one a connection."""

    def __init__(self, loop: Any, listener: socket.socket) -> None:
        self.loop, self.boxes = loop, []  # type: tuple[Any, list[Any]]
        loop.create_task(self.accepts(listener))

    async def accepts(self, listener: socket.socket) -> None:
        while True:
            self.loop.create_task(self.serves(await self.loop.accept(listener)))

    async def serves(self, sock: socket.socket) -> None:
        while data := await self.loop.recv(sock, 4096):
            await self.loop.sendall(sock, await self.answer(data))
        sock.close()

    async def answer(self, data: bytes) -> bytes:
        word = data.decode()
        if word.isdigit():
            await self.loop.sleep(int(word) / 1000)
        elif word == "BIG":
            return b"big" * 100_000
        elif word == "WAIT":
            self.boxes.append(self.loop.create_future())
            return b"got %b" % await self.boxes[-1]
        elif word == "SAME":
            return b"got %b" % await self.boxes[-1]
        elif word == "TELL":
            for box in self.boxes:
                box.set_result(b"told")
            return b"told %b" % await self.boxes[0]
        elif word == "TASKS":
            tasks = [self.loop.create_task(self.double(each)) for each in (1, 2, 3)]
            return str([await each for each in tasks]).encode()
        elif word == "ORDER":
            said: list[str] = []
            task = self.loop.create_task(self.says(said))
            said.append("I go on")
            await task
            return ", ".join(said).encode()
        elif word == "ERROR":
            try:
                await self.loop.create_task(self.fails())
            except KeyError as error:
                return f"KeyError {error}".encode()
        return data

    async def double(self, number: int) -> int:
        await self.loop.sleep(0.01 * number)
        return 2 * number

    async def says(self, said: list[str]) -> None:
        said.append("then it runs")

    async def fails(self) -> None:
        await self.loop.sleep(0.01)
        raise KeyError("mine")


def host(answer: Any, **options: Any) -> Served:
    return _build.on_loop(answer, Coroutines, **options)


def everybody(bench: Any) -> None:
    stage, alice, bob, carol = _build.company(bench, "alice", "bob", "carol")
    for peer in bench.rng.sample([alice, bob, carol, bob], 4):
        _build.echoed(stage, bench, peer, f"{peer.name} is echoed")
        _build.rests(stage, f"{peer.name} is echoed, and the loop sleeps in its selector.")
    alice.shutdown()
    stage.take(alice, 1)
    expect(alice.eof, "alice ends: her recv returns b'', and she is closed.", "She is not.", stage.last)
    _build.rests(stage, "alice has left, and the loop sleeps.")
    _build.asks(stage, "bob", Event.READ, "bob's coroutine awaits recv")


def a_slow_reader(bench: Any) -> None:
    stage, alice, bob = _build.company(bench, "alice", "bob", buffers=8192)
    stage.send(alice, b"BIG")
    _build.rests(stage, "alice reads nothing, her coroutine awaits sendall, and the loop sleeps.")
    _build.asks(stage, "alice", Event.WRITE, "alice's coroutine awaits sendall")
    _build.echoed(stage, bench, bob, "bob is echoed meanwhile", b"not so big")
    got = stage.pump(alice, 300_000)
    expect(got == b"big" * 100_000, "alice gets all 300,000 bytes.", f"{len(got):,} came.", stage.last)


def who_sleeps(bench: Any) -> None:
    stage, alice, bob = _build.company(bench, "alice", "bob")
    stage.send(alice, b"500")
    _build.rests(stage, "alice's coroutine sleeps for 0.5 s, and so does the loop, in its selector.")
    stage.send(alice, b"7")
    _build.rests(stage, "alice sends more, which nobody awaits yet, and the loop sleeps.")
    _build.echoed(stage, bench, bob, "alice's coroutine sleeps, and bob is echoed", b"hello")
    got = stage.take(alice, 4, within=3.0)
    expect(got == b"5007", "alice's coroutine goes on, and answers both.", f"{got!r} came.", stage.last)
    _build.rests(stage, "Nobody sleeps any more but the loop.")
    turns = build_5_timers.moments(stage, "alice", "send")[0][0]
    expect(turns <= 30, "The loop sleeps while the coroutine does.", f"It made {turns} turns.", turns)


def futures(bench: Any) -> None:
    stage, alice, bob, carol = _build.company(bench, "alice", "bob", "carol")
    for peer, word, what in ((alice, b"WAIT", "a future"), (bob, b"SAME", "the same one")):
        stage.send(peer, word)
        _build.rests(stage, f"{peer.name}'s coroutine awaits {what}, and the loop sleeps.")
    early = stage.take(alice, 1, within=0.1)
    expect(not early, "The future is empty, and alice's coroutine waits.", f"She got {early!r}.", stage.last)
    stage.send(carol, b"TELL")
    for peer, wanted in ((alice, b"got told"), (bob, b"got told"), (carol, b"told told")):
        got = stage.take(peer, len(wanted))
        expect(
            got == wanted,
            f"carol fills what alice and bob await: {peer.name} gets {wanted!r}.",
            f"{got!r} came.",
            stage.last,
        )
    stage.send(bob, b"ORDER")
    got, wanted = stage.take(bob, 21, within=1.0), b"I go on, then it runs"
    expect(
        got == wanted,
        "A task runs from the next turn on: who makes it goes on first.",
        f"{got!r} came.",
        stage.last,
    )
    for word, wanted in ((b"TASKS", b"[2, 4, 6]"), (b"ERROR", b"KeyError 'mine'")):
        stage.send(alice, word)
        got = stage.take(alice, len(wanted), within=1.0)
        expect(got == wanted, f"Tasks are awaited, and give {wanted.decode()}.", f"{got!r} came.", stage.last)
    _build.rests(stage, "Nobody awaits anything but bytes, and the loop sleeps.")


CHECKS = (
    Check("everybody", 2, everybody),
    Check("a slow reader", 1, a_slow_reader),
    Check("who sleeps", 2, who_sleeps),
    Check("futures", 2, futures),
)
