"""A frame parser for every split: bytes come in any pieces, messages go out whole."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.loop import Channel
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "A frame parser for every split", "05", "Frames", 1

STATEMENT = """
A frame is a length of four bytes (`struct` format `"!I"`), and then as many bytes of message. Write a
class `Frames` with one method.

- `feed(self, data)`: take in the bytes that have just arrived, and return a list of the messages
  (`bytes`) that are complete now, in order. What is not complete waits for the next call.

The lab makes one `Frames()` for each connection and feeds it whatever `recv` brings.

**Judged:** a frame cut at every place; frames glued together; empty and long messages; messages of any
bytes.
"""

STUB = """
import struct

class Frames:
    def feed(self, data):
        (length,) = struct.unpack_from("!I", data)
        return [data[4 : 4 + length]]
"""

HINTS = (
    "TCP has no messages. How many frames may be in `data`: one? None? Half of one, and then two?",
    "Keep a bytearray. Add data at its end, and take frames off its front as long as one is "
    "whole: four bytes first, then the length that they tell.",
    'self.buffer += data; while len(self.buffer) >= 4: (n,) = struct.unpack_from("!I", '
    "self.buffer); if len(self.buffer) < 4 + n: break; messages.append(bytes(self.buffer[4:4 + "
    "n])); del self.buffer[:4 + n]",
)

EXPLANATION = """
This is all of framing: collect, cut off what is whole, keep the rest. It needs no socket, so it can be
tested with every split there is, and used with any loop (sans-I/O, as the h11 people call it). Deleting
from the front once a message is quadratic if one read holds very many of them: `labkit.rpc.framing`
deletes once a read.
"""


def host(answer: Any, **options: Any) -> Lab:
    class Framed(Channel):
        def __init__(self, loop: Any, sock: Any, addr: Any) -> None:
            super().__init__(loop, sock, addr)
            self.frames = answer()

        def handle_read(self) -> None:
            data = self.recv(65536)
            if data:
                for message in self.frames.feed(data):
                    self.write(b"<" + message + b">")

    return Lab(Framed, **options)


def frame(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


def _answered(bench: Any, pieces: list[bytes], messages: list[bytes], what: str) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.step()
    for piece in pieces:
        alice.send(piece)
        stage.step()
    whole = b"".join(b"<" + message + b">" for message in messages)
    got = stage.take(alice, len(whole))
    expect(got == whole, f"{what}", _seen(got, whole), stage.last)


def _seen(got: bytes, whole: bytes) -> str:
    short = got if len(got) < 60 else got[:50] + b"..."
    if got == whole[: len(got)]:
        return f"What comes out stops after {len(got):,} of {len(whole):,} bytes."
    return f"What comes out is {bytes(short)!r}."


def whole_frames(bench: Any) -> None:
    one, two = bench.text(5), bench.text(7)
    _answered(bench, [frame(one), frame(two)], [one, two], "Two frames, a piece each, are two messages.")


def every_split(bench: Any) -> None:
    one, two = bench.text(3), bench.text(4)
    both = frame(one) + frame(two)
    for at in range(1, len(both)):
        what = f"Two frames of {len(both)} bytes, cut after byte {at}, are two messages."
        _answered(bench, [both[:at], both[at:]], [one, two], what)
    _answered(
        bench,
        [both[at : at + 1] for at in range(len(both))],
        [one, two],
        "Byte by byte, they are two messages.",
    )


def glued(bench: Any) -> None:
    messages = [bench.text(n) for n in (2, 0, 6, 1)]
    _answered(
        bench,
        [b"".join(map(frame, messages))],
        messages,
        "Four frames in one piece, one of them empty, are four messages.",
    )


def long_ones(bench: Any) -> None:
    for size in (200, 40_000):
        message = bench.text(size)
        data = frame(message)
        _answered(bench, [data[:150], data[150:]], [message], f"A message of {size:,} bytes comes out whole.")
    binary = bytes(range(256))
    _answered(bench, [frame(binary)], [binary], "A message may hold any bytes.")


CHECKS = (
    Check("whole frames", 1, whole_frames),
    Check("every split", 2, every_split),
    Check("glued", 1, glued),
    Check("long ones", 1, long_ones),
)
