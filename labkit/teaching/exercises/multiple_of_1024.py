"""The multiple of 1,024: a full recv says nothing about what is behind it."""

from typing import Any

from labkit.lab.asyncore_host import hosted
from labkit.lab.asyncore_lab import AsyncoreLab
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "The multiple of 1,024", "07", "Counts", 2

STATEMENT = """
A request ends with a newline. Write a class `Counts(asyncore.dispatcher_with_send)` that answers each
request with the number of its bytes, the newline included, and a newline: to `b"abc\\n"` it sends
`b"4\\n"`. `self.recv(1024)` takes what is there; `self.send(data)` answers.

The server of the booklet reads in a loop until a `recv(1024)` brings less than 1,024 bytes. That works
nearly always.

**Judged:** requests of many sizes, one after the other and in pieces, also exact multiples of 1,024;
nobody's connection is closed.
"""

STUB = """
import asyncore

class Counts(asyncore.dispatcher_with_send):
    def handle_read(self):
        request = b""
        while True:
            data = self.recv(1024)
            request += data
            if len(data) < 1024:
                break
        self.send(b"%d\\n" % len(request))
"""

HINTS = (
    "1,024 bytes came, and that was all there was. What does the next recv() do?",
    "asyncore's recv lets BlockingIOError through; asyncore then calls handle_error, which "
    "closes. Read once for each event: if there is more, select says so again.",
    'self.buffer += self.recv(1024); while b"\\n" in self.buffer: request, _, self.buffer = '
    'self.buffer.partition(b"\\n"); self.send(b"%d\\n" % (len(request) + 1))',
)

EXPLANATION = """
A short `recv` says that the queue was empty. A full one says nothing: an exact multiple sends you round
once more, into `EAGAIN`, and asyncore turns that into a closed connection. Sizes 1,023, 1,025 and 3,000
are answered; 1,024, 2,048 and 4,096 are not. And the end of a read was never the end of a request: only
the newline is.
"""


def host(answer: Any, **options: Any) -> AsyncoreLab:
    return hosted(answer, **options)


def _counted(bench: Any, pieces: list[list[int]], sizes: list[int], what: str) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    stream = b"".join(bench.text(size - 1) + b"\n" for size in sizes)
    at = 0
    for piece in pieces[0]:
        stage.send(alice, stream[at : at + piece])
        stage.quiet()
        at += piece
    wanted = b"".join(b"%d\n" % size for size in sizes)
    got = stage.take(alice, len(wanted))
    told = "no answer, and her connection was closed" if alice.eof and not got else f"{bytes(got)!r}"
    expect(got == wanted, f"{what}: alice gets {wanted!r}.", f"She got {told}.", stage.last)


def many_sizes(bench: Any) -> None:
    for size in (4, 1000, 1023, 1025, 3000):
        _counted(bench, [[size]], [size], f"A request of {size:,} bytes")


def multiples(bench: Any) -> None:
    for size in (1024, 2048, 4096):
        _counted(bench, [[size]], [size], f"A request of {size:,} bytes")


def in_pieces(bench: Any) -> None:
    _counted(bench, [[700, 800]], [1500], "A request in two pieces")
    _counted(bench, [[1024, 76]], [1100], "A request that is cut after 1,024 bytes")


def together(bench: Any) -> None:
    _counted(bench, [[30]], [10, 20], "Two requests in one piece")
    _counted(bench, [[1024]], [1000, 24], "Two requests, 1,024 bytes together")


CHECKS = (
    Check("many sizes", 1, many_sizes),
    Check("multiples of 1,024", 2, multiples),
    Check("in pieces", 1, in_pieces),
    Check("together", 1, together),
)
