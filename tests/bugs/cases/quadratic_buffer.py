"""A quadratic buffer: each piece copies all that came before."""

import threading
from typing import Any

from labkit.diagnosis import diagnose
from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import answers, company
from labkit.teaching.practice_form import Check, Failed, expect
from labkit.teaching.practice_reading import peak

STANDSTILL = 5  # runs of 0.2 s in which a buffer that does not grow is given up

TITLE, LESSON, ANSWER = "Slower and slower", "10", "Server"
NAME, RULE = "quadratic buffer", "quadratic-buffer"
DISTRACTORS = ("greedy peer", "a handler that blocks", "Nagle stall")
LINES = ("self.read_buffer = self.read_buffer + self.recv(1024)", 'self.read_buffer = b""')
STATEMENT = """
Adding to bytes copies all of them. Mend the class: it answers each line with its length, newline
included, and takes its pieces, at most 1,024 bytes each, without copying what is there. What waits is
in self.read_buffer.
"""

STUB = r"""
from labkit import Channel


class Server(Channel):
    def __init__(self, *args):
        super().__init__(*args)
        self.read_buffer = b""

    def handle_read(self):
        self.read_buffer = self.read_buffer + self.recv(1024)
        if self.read_buffer.endswith(b"\n"):
            self.write(b"%d\n" % len(self.read_buffer))
            self.read_buffer = b""
"""

HINTS = (
    "What is copied in this class, and how often?",
    "A bytearray grows in place; bytes are made anew.",
    "Channel's own read_buffer is a bytearray: self.read_buffer += self.recv(1024).",
)

EXPLANATION = """
n pieces, and each copies all before it: the work grows with the square of the size. Nobody notices at
ten kilobytes. A bytearray takes more at its end, and gives from its front, in place.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def held(stage: Any, peer: Any) -> int:
    """The most that stood in the read buffer of a peer."""
    return peak(stage.tape, stage.fd(peer.name), "read_buffer")[0]


def _upload(bench: Any, total: int) -> tuple[Any, Any]:
    """A stage that was sent `total` bytes, as far as its read buffer grew, and who sent them."""
    stage, one, _ = company(bench, 2)
    over = threading.Event()

    def send() -> None:
        sent = 0
        while sent < total and not over.is_set():
            more = stage.send(one, b"x" * min(65_536, total - sent))
            sent += more
            over.wait(0 if more else 0.001)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        most, still = 0, 0
        for _ in range(40):
            stage.run(0.2)
            before, most = most, held(stage, one)
            still = 0 if most > before else still + 1
            if most >= total or still == STANDSTILL:
                break
    finally:
        over.set()
        sender.join(5)
    return stage, one


def scene(bench: Any) -> str:
    total = bench.rng.randrange(1_100_000, 1_300_000)
    _, one = _upload(bench, total)
    return f"{one.name} uploads {total:,} bytes in one line. It begins quickly, and gets slower and slower."


def in_place(bench: Any) -> None:
    stage, one = _upload(bench, 1_200_000)
    most = held(stage, one)
    expect(most >= 1_200_000, "All of the line waits in self.read_buffer.", f"{most:,} bytes do.", stage.last)
    found = [each for each in diagnose(stage.tape) if each.rule == "quadratic-buffer"]
    if found:
        raise Failed("A piece costs the same, whatever is there already.", found[0].what, found[0].last)


def lengths(bench: Any) -> None:
    stage, one, _ = company(bench)
    for size in (3, 1024, 3000, 10):
        answers(stage, one, bench.text(size - 1) + b"\n", b"%d\n" % size)


CHECKS = (Check("lengths", 1, lengths), Check("a long line", 3, in_place))
