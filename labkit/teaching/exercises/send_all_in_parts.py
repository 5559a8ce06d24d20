"""Send all of it, in parts: a non-blocking send takes what fits, and the rest is yours to keep."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.loop import READ, WRITE, Channel
from labkit.teaching.practice_form import Check, Failed, expect

TITLE, LESSON, ANSWER, ORDER = "Send all of it, in parts", "01", "push", 2

STATEMENT = """
Write `push(sock, waiting)`. `sock` is non-blocking, and `waiting` is a `bytearray` of bytes that are to
be sent. Hand the kernel as much of it as it takes **now**, and delete exactly that much from the front
of `waiting`. Return nothing. `BlockingIOError` (`EAGAIN`) must not leave your function.

The lab calls `push` when there is something new to send, and again whenever the kernel says that the
socket is writable, as long as `waiting` is not empty.

**Judged:** every byte arrives once and in order; the function never waits.
"""

STUB = """
def push(sock, waiting):
    sock.send(waiting)
    waiting.clear()
"""

HINTS = (
    "What does sock.send() return?",
    "send() returns how many bytes the kernel took: often fewer than you gave. If it can take "
    "none, it raises BlockingIOError.",
    "try: del waiting[: sock.send(waiting)] except BlockingIOError: pass. The lab calls you again"
    " when there is room.",
)

EXPLANATION = """
`send` is a question: how much of this can you take? Whoever does not look at the answer loses bytes, and
only with a slow reader: on your own machine every test passes. `sendall` on a non-blocking socket is no
way out. It raises in the middle, and does not say how much it had sent. So every event loop has what you
have just written: a write buffer, and `del buffer[:sent]`.
"""


def host(answer: Any, **options: Any) -> Lab:
    class Choir(Channel):
        def handle_read(self) -> None:
            self.write_buffer += self.recv(4096) * 30
            self.handle_write()

        def handle_write(self) -> None:
            answer(self.socket, self.write_buffer)
            if not self.closing:
                self.declare(READ | WRITE if self.write_buffer else READ)

    return Lab(Choir, **options)


def a_short_answer(bench: Any) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.step()
    data = bench.text(20)
    alice.send(data)
    stage.quiet()
    got = stage.take(alice, 600)
    expect(got == data * 30, "alice gets 600 bytes.", f"{len(got)} came.", stage.last)


def a_long_answer(bench: Any) -> None:
    stage = bench.open(buffers=4096)
    alice = stage.connect("alice")
    stage.step()
    data = bench.text(2900 + bench.rng.randrange(100))
    alice.send(data)
    stage.quiet()
    whole = data * 30
    got = stage.pump(alice, len(whole))
    if got != whole:
        raise Failed(f"alice reads, slowly, and gets {len(whole):,} bytes.", _wrong(got, whole), stage.last)


def _wrong(got: bytes, whole: bytes) -> str:
    same = next(
        (at for at, (a, b) in enumerate(zip(got, whole, strict=False)) if a != b), min(len(got), len(whole))
    )
    if same == len(got) < len(whole):
        return f"{same:,} arrived, and then no more."
    if whole.startswith(got[same : same + 200]):
        return f"After {same:,} bytes it began again from the front: what had been sent was not deleted."
    return f"After {same:,} bytes come bytes that belong further on: some in between are lost."


CHECKS = (Check("a short answer", 1, a_short_answer), Check("a long answer", 3, a_long_answer))
