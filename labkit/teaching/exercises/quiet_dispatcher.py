"""A dispatcher that does not spin: asyncore asks writable() in every turn, and its own answer is yes."""

from typing import Any

from labkit.lab.asyncore_host import hosted
from labkit.lab.asyncore_lab import AsyncoreLab
from labkit.tape.turn import Event
from labkit.teaching.practice_form import Check, Failed, expect
from labkit.teaching.practice_reading import asked, untouched

TITLE, LESSON, ANSWER, ORDER = "A dispatcher that does not spin", "06", "Shout", 1

STATEMENT = """
Write a class `Shout(asyncore.dispatcher)`, the server's end of a connection: it sends back in capitals
whatever arrives. A server makes `Shout(sock)` for each connection that it accepts.

`self.recv(n)` and `self.send(data)` are asyncore's. `send` returns how many bytes the kernel took (0 if
none), so you need a buffer for the rest; `handle_write` is called when there is room. asyncore calls
`readable()` and `writable()` before each wait, to learn what it is to ask.

**Judged:** everything comes back; the loop sleeps while there is nothing to do; it asks to write while
something waits, and not longer.
"""

STUB = """
import asyncore

class Shout(asyncore.dispatcher):
    def handle_read(self):
        self.send(self.recv(4096).upper())
"""

HINTS = (
    "Which of asyncore's methods decides whether the loop asks to write, and what does it say if "
    "you do not write your own?",
    "dispatcher.writable() returns True. A socket with nothing to send is writable all the time.",
    "Keep self.waiting = bytearray(), set in __init__ after super().__init__(sock). writable: "
    "return bool(self.waiting). handle_write: del self.waiting[: self.send(self.waiting)].",
)

EXPLANATION = """
`dispatcher.writable()` is `True`, and `handle_write()` of the base class only logs a warning. So the
plainest dispatcher wakes the loop for ever: 139,995 calls of `handle_write` in half a second against 5
iterations with a `writable` of its own. `dispatcher_with_send` has one: *not connected yet, or something
in the buffer*.
"""


def host(answer: Any, **options: Any) -> AsyncoreLab:
    return hosted(answer, **options)


def echoes(bench: Any) -> None:
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    stage.step(3)
    for peer in (alice, bob, alice):
        data = bench.text(20)
        peer.send(data)
        stage.step(3)
        got = stage.take(peer, 20)
        expect(
            got == data.upper(),
            f"{peer.name} gets {data.upper()!r} back.",
            f"They got {bytes(got)!r}.",
            stage.last,
        )


def sleeps(bench: Any) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.step(3)
    alice.send(b"hello")
    quiet = stage.quiet(20)
    spin = untouched(stage.tape)
    if spin:
        raise Failed("The loop sleeps when there is nothing to do.", f"{spin[1]}.", spin[0])
    expect(quiet, "The loop comes to rest.", "It is woken again and again.", stage.last)


def a_slow_reader(bench: Any) -> None:
    stage = bench.open(buffers=4096)
    alice = stage.connect("alice")
    stage.quiet()
    data = bench.text(60_000)
    sent = stage.flood(alice, data)
    got = stage.pump(alice, sent)
    fd, tape = stage.fd("alice"), stage.tape
    expect(
        asked(tape, fd, Event.WRITE),
        "What the kernel does not take at once is sent later: the loop asks to write.",
        "It never asks.",
        stage.last,
    )
    expect(
        len(got) == sent,
        f"alice reads slowly, and gets all {sent:,} bytes.",
        f"{len(got):,} came.",
        stage.last,
    )
    expect(got == data[:sent].upper(), "They come in order.", "They do not.", stage.last)


CHECKS = (Check("echoes", 1, echoes), Check("sleeps", 2, sleeps), Check("a slow reader", 2, a_slow_reader))
