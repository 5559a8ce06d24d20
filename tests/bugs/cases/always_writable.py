"""Always writable: it asks to write, and never stops asking."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import answers, comes_to_rest, company, drain
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER = "The warm server", "10", "Server"
NAME, RULE = "always writable", "write-spin"
DISTRACTORS = ("ignored EOF", "no fd left", "state kept by fd number")
LINES = ("self.declare(READ | WRITE)",)
STATEMENT = """
Write interest has to end with what there is to write. Mend the class: it asks to write while something
waits, and not longer.
"""

STUB = r"""
from labkit import Channel
from labkit.loop import READ, WRITE


class Server(Channel):
    def handle_read(self):
        self.write(self.recv(1024))
        if not self.closing:
            self.declare(READ | WRITE)

    def handle_write(self):
        if self.write_buffer:
            super().handle_write()
"""

HINTS = (
    "Which set is an fd in that it should have left?",
    "A socket with room in its send queue is writable all the time. When may you ask?",
    "Leave it out: self.write asks by itself while something waits.",
)

EXPLANATION = """
A socket is writable nearly always. Who asks is told, at once and again; the loop never sleeps. Ask
while something waits in the write buffer, and stop when it is empty.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def scene(bench: Any) -> str:
    stage, one, _ = company(bench)
    stage.send(one, bench.text(bench.rng.randrange(10, 900)))
    stage.step(bench.rng.randrange(7, 12))
    return f"{one.name} sent a message and got it back. Everything works; only the machine's fan has come on."


def sleeps(bench: Any) -> None:
    stage, one, others = company(bench)
    for peer in (one, *others):
        answers(stage, peer, b"hello", b"hello")
    comes_to_rest(stage)


def slow(bench: Any) -> None:
    stage, one, _ = company(bench, buffers=4096)
    data = bench.text(60_000)
    sent = stage.flood(one, data, 60)
    got = drain(stage, one, sent)
    expect(got == data[:sent], f"A slow reader gets all {sent:,} bytes.", f"{len(got):,} came.", stage.last)


CHECKS = (Check("sleeps", 3, sleeps), Check("a slow reader", 2, slow))
