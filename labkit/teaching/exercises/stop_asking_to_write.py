"""Stop asking to write: WRITE is in the interest set while something waits, and not longer."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.tape.turn import Event
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_reading import asked, peak, untouched

TITLE, LESSON, ANSWER, ORDER = "Stop asking to write", "02", "Outbox", 3

STATEMENT = """
Write a class `Outbox(Channel)` with two methods of your own.

- `write(self, data)`: append `data` to `self.write_buffer`, and send what the kernel takes now.
- `handle_write(self)`: the loop calls it when the socket is writable and you asked for that. Send what
  it takes.

`self.socket` is non-blocking. `self.declare(READ)` and `self.declare(READ | WRITE)` say what the loop is
to ask from now on; it always asks to read.

**Judged:** every byte arrives, also when more is written while some still waits; the loop asks to write
exactly while something waits; peers can always be read from.
"""

STUB = """
from labkit import Channel
from labkit.loop import READ, WRITE

class Outbox(Channel):
    def write(self, data):
        self.write_buffer += data
        self.declare(READ | WRITE)

    def handle_write(self):
        sent = self.socket.send(self.write_buffer)
        del self.write_buffer[:sent]
"""

HINTS = (
    "A socket is writable nearly always. What does a loop do that asks about it when there is "
    "nothing to write?",
    "After every send, decide: is something left? Then ask READ | WRITE, otherwise READ. send may"
    " also raise BlockingIOError.",
    "handle_write: try: del self.write_buffer[:self.socket.send(self.write_buffer)]; except "
    "BlockingIOError: pass; then self.declare(READ | WRITE if self.write_buffer else READ). "
    "write: append, then self.handle_write().",
)

EXPLANATION = """
An empty send queue is always *writable*. A loop that asks about it with nothing to say is told *yes* at
once, every time, and never sleeps: the most common way to burn a processor with an event loop. asyncio
adds its writer when `send` leaves something over and removes it when the buffer is empty. The base class
of asyncore forgot: its `writable()` is always true.
"""


def host(answer: Any, **options: Any) -> Lab:
    class Choir(answer):  # type: ignore[misc]
        def handle_read(self) -> None:
            data = self.recv(1024)
            if data:
                self.write(data * 40)

    return Lab(Choir, **options)


def a_short_answer(bench: Any) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    data = bench.text(10)
    alice.send(data)
    quiet = stage.quiet()
    tape, fd = stage.tape, stage.fd("alice")
    spin = untouched(tape)
    if spin:
        at, what = spin
        expect(False, "The loop sleeps when nothing waits to be sent.", f"{what}.", at)
    expect(
        quiet, "The loop comes to rest.", "It is told that something is ready, again and again.", stage.last
    )
    got = stage.take(alice, 400)
    expect(got == data * 40, "alice gets 400 bytes.", f"{len(got)} came.", stage.last)
    late = asked(tape, fd, Event.WRITE)
    expect(
        not late or late[-1] < stage.last,
        "Nothing waits, and the loop does not ask to write.",
        "It still asks.",
        late[-1] if late else None,
    )


def a_slow_reader(bench: Any) -> None:
    stage = bench.open(buffers=4096)
    alice = stage.connect("alice")
    stage.quiet()
    first, second = bench.text(1000), bench.text(700)
    alice.send(first)
    stage.quiet()
    alice.send(second)
    stage.quiet()
    fd = stage.fd("alice")
    left, at = peak(stage.tape, fd, "write_buffer")
    reads = asked(stage.tape, fd, Event.READ)
    expect(
        reads[-1] == stage.last,
        "The loop goes on asking to read.",
        "It does not, while something waits.",
        stage.last,
    )
    expect(
        asked(stage.tape, fd, Event.WRITE),
        f"{left:,} bytes wait, and the loop asks to write.",
        "It never asks.",
        at,
    )
    whole = (first + second) * 1
    whole = first * 40 + second * 40
    got = stage.pump(alice, len(whole))
    expect(
        len(got) == len(whole),
        f"alice reads, and gets {len(whole):,} bytes.",
        f"{len(got):,} came, and the loop asks to write no more.",
        stage.last,
    )
    expect(got == whole, "The bytes come in order.", "They do not.", stage.last)


CHECKS = (Check("a short answer", 2, a_short_answer), Check("a slow reader", 3, a_slow_reader))
