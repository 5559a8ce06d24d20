"""Half-close without losing the reply: the end of the question is not the end of the answer."""

from typing import Any

from labkit.lab.asyncore_host import hosted
from labkit.lab.asyncore_lab import AsyncoreLab
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "Half-close without losing the reply", "07", "Replies", 1

STATEMENT = """
Clients send a question, say that they will send no more (`shutdown`, a half-close), and then read. Write
a class `Replies(asyncore.dispatcher_with_send)`: whatever arrives is answered with forty times as much,
at once: `self.send(data * 40)`. After the end of the question the rest of the reply is still sent, and
only then the connection is closed.

Mind that `self.recv(n)` closes the connection by itself when it meets the end. `self.socket.recv(n)`
does not.

**Judged:** the whole reply arrives; the loop does not spin while it waits for a slow reader; the
connection is closed in the end; a question without an end is answered, too.
"""

STUB = """
import asyncore

class Replies(asyncore.dispatcher_with_send):
    def handle_read(self):
        data = self.recv(4096)
        self.send(data * 40)
"""

HINTS = (
    "The end is readable, for ever. What must the loop not ask about any more, once you have seen it?",
    "Remember the end in an attribute. readable() returns False from then on; close when the "
    "out_buffer is empty: at the end itself, or in handle_write.",
    "handle_read: data = self.socket.recv(4096); if data: self.send(data * 40) else: self.ended ="
    " True; if not self.out_buffer: self.close(). handle_write: super().handle_write(); if "
    "self.ended and not self.out_buffer: self.close().",
)

EXPLANATION = """
`b""` says: I will *send* no more. It does not say: I have gone. asyncore takes one for the other
(gh-56707): with a reply of 8 MB, 65,540 bytes arrived. Three things belong together: do not close yet,
do not ask to read any more (or you spin on the end), and close when the write buffer is empty.
"""


def host(answer: Any, **options: Any) -> AsyncoreLab:
    return hosted(answer, **options)


def _asked(bench: Any, size: int, end: bool) -> tuple[Any, Any, bytes]:
    stage = bench.open(buffers=4096)
    alice = stage.connect("alice")
    stage.quiet()
    data = bench.text(1) * size  # however it is read, the reply is the same
    alice.send(data)
    if end:
        alice.shutdown()
    return stage, alice, data * 40


def a_question_without_an_end(bench: Any) -> None:
    stage, alice, whole = _asked(bench, 30, end=False)
    stage.quiet()
    got = stage.take(alice, len(whole))
    expect(
        got == whole,
        "alice asks, and goes on listening: she gets 1,200 bytes.",
        f"{len(got):,} came.",
        stage.last,
    )


def a_long_reply(bench: Any) -> None:
    stage, alice, whole = _asked(bench, 1200, end=True)
    quiet = stage.quiet()
    expect(
        quiet,
        "alice does not read yet, and the loop sleeps.",
        "It is woken again and again by the end of her question.",
        stage.last,
    )
    got = stage.pump(alice, len(whole))
    expect(
        got == whole,
        f"alice has half-closed, and gets all {len(whole):,} bytes of the reply.",
        f"{len(got):,} came.",
        stage.last,
    )


def the_end(bench: Any) -> None:
    for size in (10, 1200):
        stage, alice, whole = _asked(bench, size, end=True)
        stage.pump(alice, len(whole))
        stage.quiet()
        stage.take(alice, 1)
        expect(
            alice.eof,
            f"After {len(whole):,} bytes of reply the connection is closed.",
            "It stays open.",
            stage.last,
        )


CHECKS = (
    Check("a question without an end", 1, a_question_without_an_end),
    Check("a long reply", 3, a_long_reply),
    Check("the end", 1, the_end),
)
