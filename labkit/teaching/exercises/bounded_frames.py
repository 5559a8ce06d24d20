"""Bounded frames: a length is a claim, and a server need not believe it."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.loop import Channel
from labkit.teaching.exercises.frame_parser import frame
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "Bounded frames", "05", "Bounded", 2

STATEMENT = """
Four bytes can announce four gigabytes, and a server that believes them collects until its memory is
gone. Write a class `Bounded` with one method.

- `feed(self, data)`: as in *A frame parser for every split*. Frames have a length of four bytes (`"!I"`)
  in front; return the list of messages that are complete. But no message is longer than **1,000** bytes:
  as soon as a longer one is announced, raise `ValueError`. Messages that were complete before it are not
  lost: return them first; then the next call of `feed` raises.

The lab calls `feed(b"")` once more after each call that returned messages.

**Judged:** what is allowed passes, up to the last byte; what is too long is refused at once; what came
before is answered.
"""

STUB = """
import struct

class Bounded:
    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data
        messages = []
        while len(self.buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.buffer)
            if len(self.buffer) < 4 + length:
                break
            messages.append(bytes(self.buffer[4 : 4 + length]))
            del self.buffer[: 4 + length]
        return messages
"""

HINTS = (
    "When do you know that a frame is too long: when it is there, or earlier?",
    "Look at the length before you look whether enough bytes are there. If messages are complete "
    "already, stop, and leave the bad length in the buffer for the next call.",
    'if length > 1000: if messages: break; raise ValueError(f"a frame of {length} bytes")',
)

EXPLANATION = """
The length is the only thing that a peer can say about your memory, so you check it where it is read. Too
strict is a bug as well: `>` and `>=` differ by one byte that some client will send. And an error about
the third frame is no reason to forget the first two. After it nobody can say where the next frame
begins: such a connection can only be closed.
"""


def host(answer: Any, **options: Any) -> Lab:
    class Framed(Channel):
        def __init__(self, loop: Any, sock: Any, addr: Any) -> None:
            super().__init__(loop, sock, addr)
            self.frames = answer()

        def handle_read(self) -> None:
            data = self.recv(65536)
            try:
                while data is not None and not self.closing:
                    messages = self.frames.feed(data)
                    for message in messages:
                        self.write(b"<" + message[:1] + b"%d>" % len(message))
                    data = b"" if messages else None  # type: ignore[assignment]
            except ValueError:
                self.write(b"too long!")

    return Lab(Framed, **options)


def _told(bench: Any, pieces: list[bytes], wanted: bytes, what: str) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.step()
    for piece in pieces:
        alice.send(piece)
        stage.step()
    got = stage.take(alice, len(wanted), within=0.3)
    told = "a refusal" if got == b"too long!" else f"{bytes(got)!r}" if got else "nothing"
    expect(got == wanted, what, f"What comes out is {told}.", stage.last)


def what_is_allowed(bench: Any) -> None:
    for size in (3, 999, 1000):
        message = bench.text(size)
        data, wanted = frame(message), b"<" + message[:1] + b"%d>" % size
        _told(bench, [data], wanted, f"A message of {size:,} bytes is allowed.")
        _told(
            bench,
            [data[:2], data[2:6], data[6:]],
            wanted,
            f"In three pieces, a message of {size:,} bytes is allowed.",
        )


def what_is_too_long(bench: Any) -> None:
    for size in (1001, 2**16, 2**32 - 1):
        prefix = size.to_bytes(4, "big")
        _told(bench, [prefix], b"too long!", f"{size:,} bytes are announced, and refused at once.")
    _told(
        bench,
        [prefix[:3], prefix[3:]],
        b"too long!",
        "A length in two pieces is refused with the second one.",
    )


def what_came_before(bench: Any) -> None:
    one, two = bench.text(4), bench.text(5)
    wanted = b"<" + one[:1] + b"4><" + two[:1] + b"5>too long!"
    data = frame(one) + frame(two) + (5000).to_bytes(4, "big") + b"x" * 20
    _told(
        bench,
        [data],
        wanted,
        "Two good frames and a bad one come together: two messages, and then the refusal.",
    )


CHECKS = (
    Check("what is allowed", 1, what_is_allowed),
    Check("what is too long", 2, what_is_too_long),
    Check("what came before", 1, what_came_before),
)
