"""Backpressure with frames: what was read already must not be answered all at once."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.exercises.frame_parser import frame
from labkit.teaching.practice_form import Check, Failed, expect
from labkit.teaching.practice_reading import peak, untouched

TITLE, LESSON, ANSWER, ORDER = "Backpressure with frames", "05", "Polite", 3

STATEMENT = """
A client sends many small requests at once and reads none of the long replies. Stopping to *read* is not
enough: the requests are in your read buffer already. Write a class `Polite(Channel)`. Requests are
frames: a length of four bytes (`"!I"`), then the message. For each, `self.write(self.reply(message))`,
in order; `reply` is there, and makes 5,000 bytes.

Once more than `10000` bytes wait in `self.write_buffer`, answer no further request and stop asking to
read. When no more than that are left, go on: first with the requests that you have. `handle_write(self)`
is called when the kernel takes more; `super().handle_write()` sends.

**Judged:** the write buffer stays below 20,000 bytes; the loop sleeps while the client does not read;
when it reads, all replies come, in order, without its sending anything.
"""

STUB = """
import struct

from labkit import Channel
from labkit.loop import READ

class Polite(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(4096)
        while len(self.read_buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if len(self.read_buffer) < 4 + length:
                break
            message = bytes(self.read_buffer[4 : 4 + length])
            del self.read_buffer[: 4 + length]
            self.write(self.reply(message))
"""

HINTS = (
    "Two things can let you go on: new bytes, and room in the write buffer. Who calls you in each case?",
    "Put the loop that answers into a method of its own, and let it stop when "
    "len(self.write_buffer) > 10000. Call it from handle_read, and from handle_write after "
    "super().handle_write().",
    "At the end of that method: full = len(self.write_buffer) > 10000; self.declare(self.interest"
    " & ~READ if full else self.interest | READ). Unless self.closing.",
)

EXPLANATION = """
A message that waits in *your* buffer makes no fd readable. Nobody will call `handle_read` for it, so the
event that frees the way (here: room to write) has to look at it as well. Forgetting that gives the
nastiest kind of hang: the server waits for bytes, the client for replies, and both are right.
"""


def host(answer: Any, **options: Any) -> Lab:
    class Replying(answer):  # type: ignore[misc]
        def reply(self, message: bytes) -> bytes:
            return (b"<" + message + b">" + b"." * 5000)[:5000]

    return Lab(Replying, **options)


def _asked(bench: Any, count: int = 30) -> tuple[Any, Any, bytes]:
    stage = bench.open(buffers=4096)
    alice = stage.connect("alice")
    stage.quiet()
    messages = [bench.text(6) for _ in range(count)]
    stage.send(alice, b"".join(map(frame, messages)))
    stage.quiet()
    return stage, alice, b"".join((b"<" + each + b">" + b"." * 5000)[:5000] for each in messages)


def bounded(bench: Any) -> None:
    stage, _, _ = _asked(bench)
    most, at = peak(stage.tape, stage.fd("alice"), "write_buffer")
    expect(most < 20_000, "The write buffer stays below 20,000 bytes.", f"It holds {most:,}.", at)
    spin = untouched(stage.tape)
    if spin:
        raise Failed("The loop sleeps while alice does not read.", f"{spin[1]}.", spin[0])


def all_replies(bench: Any) -> None:
    stage, alice, whole = _asked(bench)
    got = stage.pump(alice, len(whole))
    if len(got) < len(whole) and stage.fd("alice") in stage.tape[-1].queues:
        held = stage.tape[-1].queues[stage.fd("alice")]
        expect(
            not held.read_buffer or held.write_buffer,
            "alice reads, and the requests that wait are answered.",
            f"{held.read_buffer} bytes of requests lie in the read buffer, and nobody comes back to them.",
            stage.last,
        )
    expect(
        len(got) == len(whole),
        "alice asked 30 times, and gets 30 replies.",
        f"She got {len(got) / 5000:g}.",
        stage.last,
    )
    expect(got == whole, "The replies come in the order of the requests.", "They do not.", stage.last)


def and_on(bench: Any) -> None:
    stage, alice, whole = _asked(bench, 12)
    stage.pump(alice, len(whole))
    message = bench.text(3)
    alice.send(frame(message)[:5])
    stage.quiet()
    alice.send(frame(message)[5:])
    stage.quiet()
    got = stage.pump(alice, 5000)
    expect(
        got[:5] == b"<" + message + b">",
        "Afterwards a request in two pieces is answered.",
        "It is not.",
        stage.last,
    )


CHECKS = (Check("bounded", 2, bounded), Check("all replies", 2, all_replies), Check("and on", 1, and_on))
