"""Edge-safe reading: an event that is not repeated has to be used up."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.record.edge import EdgeSelector
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "Edge-safe reading", "04", "EdgeEcho", 1

STATEMENT = """
This loop runs on an **edge-triggered** epoll: it tells you that an fd is readable when something new
arrives, and not again while it lies there. Write a class `EdgeEcho(Channel)` whose `handle_read` echoes
everything. Read at most 1024 bytes a call, in as many calls as it takes.

You may use `self.recv(n)`, which returns `b""` both when nothing is there now and when the peer has
ended (then it has called `self.handle_close()`, and `self.closing` is true), or `self.socket.recv(n)`,
which raises `BlockingIOError` when nothing is there. `self.write(data)` sends.

**Judged:** long messages come back whole, and nothing is left lying; the peer stays connected; when it
ends, so does its connection.
"""

STUB = """
from labkit import Channel

class EdgeEcho(Channel):
    def handle_read(self):
        self.write(self.recv(1024))
"""

HINTS = (
    "You are told once. When may you stop reading?",
    "Only when the kernel has said that there is nothing left: EAGAIN. Whatever you leave, nobody"
    " will remind you of.",
    "while data := self.recv(1024): self.write(data)",
)

EXPLANATION = """
Level-triggered means: *is* there something? Edge-triggered: has something *come*? With the first you may
read as little as you like, with the second you must read until `EAGAIN` (or until a short read, which
says the same; epoll(7)), or the rest lies there until the peer happens to send more. It saves a few
system calls on very busy servers, and gives every other server a way to hang. Nobody needs it by
default: asyncio, asyncore and libuv are level-triggered.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, selector=EdgeSelector(), **options)


def _echoed(bench: Any, size: int) -> Any:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    data = bench.text(size)
    stage.send(alice, data)
    stage.quiet()
    turn, fd = stage.tape[-1], stage.fd("alice")
    closed, left = fd not in turn.interest, turn.queues[fd].recv_queue or 0 if fd in turn.queues else 0
    expect(
        not closed, "alice has sent a message, and stays connected.", "Her connection was closed.", stage.last
    )
    expect(
        not left,
        f"Of {size:,} bytes none is left lying.",
        f"{left:,} lie in the receive queue, and the loop sleeps.",
        stage.last,
    )
    got = stage.take(alice, size)
    expect(got == data, f"{size:,} bytes come back.", f"{len(got):,} came.", stage.last)
    return stage


def a_long_message(bench: Any) -> None:
    _echoed(bench, 3000)


def a_multiple_of_1024(bench: Any) -> None:
    _echoed(bench, 1024 * bench.rng.randrange(2, 6))


def a_very_long_message(bench: Any) -> None:
    stage = _echoed(bench, 30_000)
    alice = stage.peers["alice"]
    alice.send(b"more")
    stage.quiet()
    expect(stage.take(alice, 4) == b"more", "A second message comes back too.", "It does not.", stage.last)


def the_end(bench: Any) -> None:
    stage = _echoed(bench, 2500)
    alice = stage.peers["alice"]
    alice.shutdown()
    stage.quiet()
    stage.take(alice, 1)
    expect(
        alice.eof,
        "alice ends, and her connection is closed on this side, too.",
        "It stays open for ever.",
        stage.last,
    )


CHECKS = (
    Check("a long message", 2, a_long_message),
    Check("a multiple of 1,024", 1, a_multiple_of_1024),
    Check("a very long message", 1, a_very_long_message),
    Check("the end", 1, the_end),
)
