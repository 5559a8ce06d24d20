"""Nagle's 40 ms: a frame is one thing, and leaves in one send."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.exercises.frame_parser import frame
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_reading import calls

TITLE, LESSON, ANSWER, ORDER = "Nagle's 40 ms", "08", "Joined", 3

STATEMENT = """
A reply is a frame, a length of four bytes (`"!I"`) and a message. Sent with two calls, it may take 40
ms: the kernel keeps the second small piece back until the first is acknowledged (Nagle), and the other
side acknowledges late. Write a class `Joined(Channel)` whose replies leave in **one** `send`.

Requests are frames as well; the reply to a message is the message reversed (`message[::-1]`). Several
requests may come in one piece: then all their replies leave together, in one `send` too.
`self.write(data)` makes one call of `send` if nothing waits.

**Judged:** the replies are right; one request, one `send`; three glued requests, one `send`; no reply
waits for the next request.
"""

STUB = """
import struct

from labkit import Channel

class Joined(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(4096)
        while len(self.read_buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if len(self.read_buffer) < 4 + length:
                break
            message = bytes(self.read_buffer[4 : 4 + length])
            del self.read_buffer[: 4 + length]
            self.write(struct.pack("!I", length))
            self.write(message[::-1])
"""

HINTS = (
    "How many calls of self.write does one reply make?",
    "Put length and message together before you write. And if there are several replies: collect "
    "them all first.",
    'replies = bytearray() before the loop; replies += struct.pack("!I", length) + message[::-1] '
    "in it; self.write(replies) after it.",
)

EXPLANATION = """
On the reference machine: 13 calls a second with length and message apart at both ends, 36,677 joined.
Switching Nagle off (`TCP_NODELAY`) helps as well, 20,276, but costs a packet and a system call for each
piece. Joining is better, and `TCP_NODELAY` is right *besides*, for small frames that follow each other.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def _exchange(bench: Any, count: int, what: str, sends: int | None) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    messages = [bench.text(4 + n) for n in range(count)]
    alice.send(b"".join(map(frame, messages)))
    stage.quiet()
    whole = b"".join(frame(message[::-1]) for message in messages)
    got = stage.take(alice, len(whole))
    expect(
        got == whole, f"{what}: {len(whole)} bytes of replies.", f"alice got {bytes(got)!r:.90}.", stage.last
    )
    made = calls(stage.tape, stage.fd("alice"), "send")
    if sends is not None:
        expect(
            len(made) == sends,
            f"{what}: one send.",
            f"{len(made)} sends were made.",
            made[-1][0] if made else None,
        )


def replies(bench: Any) -> None:
    _exchange(bench, 1, "A request", None)
    _exchange(bench, 3, "Three requests in one piece", None)


def one_send(bench: Any) -> None:
    _exchange(bench, 1, "A request", 1)


def together(bench: Any) -> None:
    _exchange(bench, 3, "Three requests in one piece", 1)
    _exchange(bench, 10, "Ten requests in one piece", 1)


CHECKS = (Check("replies", 1, replies), Check("one send", 2, one_send), Check("together", 1, together))
