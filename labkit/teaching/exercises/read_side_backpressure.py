"""Read-side backpressure: whoever does not read their replies is not read from."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.tape.turn import Event
from labkit.teaching.practice_form import Check, Failed, expect
from labkit.teaching.practice_reading import asked, peak, untouched

TITLE, LESSON, ANSWER, ORDER = "Backpressure on the reading side", "02", "Patient", 4

STATEMENT = """
An echo server whose client sends and never reads keeps all that the client sends in its own memory.
Write a class `Patient(Channel)`, an echo (`recv` at most 4096 bytes a call) that protects itself: while
more than `16384` bytes wait in `self.write_buffer`, the loop does not ask to read from this client; when
there are no more than that, it asks again.

`Channel.write` and `Channel.handle_write` send, and look after `WRITE` themselves. `self.interest` is
what the loop asks, `self.declare(interest)` changes it.

**Judged:** the write buffer stays bounded; the loop sleeps while the client does not read; when the
client reads, every byte comes back, in order; other clients notice nothing.
"""

STUB = """
from labkit import Channel
from labkit.loop import READ, WRITE

class Patient(Channel):
    limit = 16384

    def handle_read(self):
        self.write(self.recv(4096))
"""

HINTS = (
    "The write buffer grows in handle_read, and shrinks in handle_write. Where do you have to look at it?",
    "After self.write(…): if the buffer is over the limit, take READ out of the interest. After "
    "super().handle_write(): if it is not, put READ back.",
    "self.declare(self.interest & ~READ) in handle_read; in handle_write, after "
    "super().handle_write(): if not self.closing and len(self.write_buffer) <= self.limit: "
    "self.declare(self.interest | READ)",
)

EXPLANATION = """
If you do not take the bytes, they stay in the kernel's receive queue. That fills, TCP tells the other
side that its window is closed, and the client's own `send` blocks: the slow reader has slowed itself
down, at the price of a few kilobytes of yours. asyncio does this with `pause_reading`, and asks you to
do your part with `await writer.drain()`.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def bounded(bench: Any) -> None:
    stage, alice, _ = _flooded(bench)
    tape, fd = stage.tape, stage.fd("alice")
    most, at = peak(tape, fd, "write_buffer")
    if most > 16384 + 4096:
        raise Failed("The write buffer holds no more than 20,480 bytes.", f"It holds {most:,}.", at)
    spin = untouched(tape)
    if spin:
        raise Failed("The loop sleeps while alice does not read.", f"{spin[1]}.", spin[0])
    expect(
        not alice.eof,
        "alice is slow, and stays connected.",
        "The server has closed her connection.",
        stage.last,
    )
    reads = asked(tape, fd, Event.READ)
    expect(
        reads[-1] < stage.last,
        "The loop has stopped asking to read from alice.",
        "It still asks.",
        stage.last,
    )


def nothing_is_lost(bench: Any) -> None:
    stage, alice, sent = _flooded(bench)
    got = stage.pump(alice, len(sent))
    turn, fd = stage.tape[-1], stage.fd("alice")
    if fd not in turn.interest and len(got) < len(sent) and not alice.eof:
        if turn.queues[fd].write_buffer:
            raise Failed("Bytes wait, and the loop asks to write.", "It asks about nothing.", stage.last)
        raise Failed("Nothing waits, and the loop asks to read again.", "It does not.", stage.last)
    expect(
        len(got) == len(sent),
        f"alice reads, and all {len(sent):,} bytes come back.",
        f"{len(got):,} came.",
        stage.last,
    )
    expect(got == sent, "They come back in order.", "They do not.", stage.last)
    more = bench.text(50)
    alice.send(more)
    stage.quiet()
    got = stage.take(alice, 50)
    expect(
        got == more,
        "Then all is as in the beginning: alice is answered.",
        f"{len(got)} of 50 bytes came.",
        stage.last,
    )


def others(bench: Any) -> None:
    stage, _, _ = _flooded(bench)
    bob = stage.connect("bob")
    data = bench.text(30)
    bob.send(data)
    stage.quiet()
    got = stage.take(bob, 30)
    expect(got == data, "bob is answered meanwhile.", f"{len(got)} of 30 bytes came.", stage.last)


def _flooded(bench: Any) -> tuple[Any, Any, bytes]:
    stage = bench.open(buffers=4096)
    alice = stage.connect("alice")
    stage.quiet()
    data = bench.text(80_000)
    sent = stage.flood(alice, data)
    return stage, alice, data[:sent]


CHECKS = (
    Check("bounded", 2, bounded),
    Check("nothing is lost", 2, nothing_is_lost),
    Check("others", 1, others),
)
