"""Read until EAGAIN: take everything that waits in a receive queue, and never wait for more."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.loop import Channel
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "Read until EAGAIN", "01", "read_all", 1

STATEMENT = """
Write `read_all(sock)`. `sock` is non-blocking. Take everything that lies in its receive queue **now**,
with as many `sock.recv(1000)` as it needs, and return `(data, ended)`: the bytes, and whether the peer
has said that it will send no more. `BlockingIOError` is how `EAGAIN` looks in Python; it must not leave
your function.

The lab calls your function once, whenever the kernel says that the socket is readable.

**Judged:** every byte arrives, in order, in one call; the function never waits, and does not mistake
*nothing now* for *the end*.
"""

STUB = """
def read_all(sock):
    return sock.recv(1000), False
"""

HINTS = (
    "One recv gives you at most 1000 bytes, and says nothing about what is behind them. When do you know?",
    "Call recv in a loop. It ends in two ways: recv raises BlockingIOError (nothing now), or it "
    'returns b"" (the end).',
    "parts = []; while True: try: data = sock.recv(1000); except BlockingIOError: return "
    'b"".join(parts), False; if not data: return b"".join(parts), True; parts.append(data)',
)

EXPLANATION = """
A short `recv` tells you that the queue was empty, a full one tells you nothing, so you ask again: until
`EAGAIN`, which costs one call, or until `b""`, which is the end and stays readable for ever. *Nothing
now* is an exception, *nothing ever again* is an empty value: programs that mix the two either spin or
hang up on people.
"""


def host(answer: Any, **options: Any) -> Lab:
    class Reader(Channel):
        def handle_read(self) -> None:
            data, ended = answer(self.socket)
            self.write(b"%d:%d:" % (len(data), bool(ended)) + data)
            if ended:
                self.handle_close()

    return Lab(Reader, **options)


def takes_everything(bench: Any) -> None:
    for size in (1, 999, 1000, 2000, 2500 + bench.rng.randrange(500)):
        stage = bench.open()
        alice = stage.connect("alice")
        stage.step()
        data = bench.text(size)
        alice.send(data)
        stage.step()
        told = b"%d:0:" % size
        got = stage.take(alice, len(told) + size)
        expect(
            got[: len(told)] == told,
            f"{size:,} bytes wait, and one call of read_all returns all of them.",
            _returned(got),
            at=stage.last,
        )
        expect(
            got[len(told) :] == data,
            "The bytes come in the order in which they were sent.",
            "They do not.",
            stage.last,
        )


def says_the_end(bench: Any) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.step()
    data = bench.text(1500)
    alice.send(data)
    alice.shutdown()
    stage.step()
    got = stage.take(alice, 7 + 1500)
    expect(
        got[:7] == b"1500:1:" and got[7:] == data,
        "alice sends 1,500 bytes and ends: read_all returns them, and True.",
        _returned(got),
        at=stage.last,
    )


def nothing_is_not_the_end(bench: Any) -> None:
    stage = bench.open(selector="busy")  # asks for nothing: the function is called with an empty queue
    alice = stage.connect("alice")
    stage.step(3)
    got = stage.take(alice, 4)
    expect(
        got[:4] == b"0:0:",
        'With nothing in the queue read_all returns (b"", False).',
        _returned(got),
        at=stage.last,
    )


def _returned(got: bytes) -> str:
    size, _, rest = got.partition(b":")
    if not rest:
        return "It returned nothing that can be used."
    return f"It returned {int(size):,} bytes and {rest[:1] == b'1'}."


CHECKS = (
    Check("takes everything", 2, takes_everything),
    Check("says the end", 1, says_the_end),
    Check("nothing is not the end", 1, nothing_is_not_the_end),
)
