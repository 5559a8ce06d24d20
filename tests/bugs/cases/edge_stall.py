"""Edge stall: an event that is not repeated is not used up."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import company, drain
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER = "The long message", "10", "Server"
NAME, RULE = "edge stall", "stranded-data"
DISTRACTORS = ("lost partial write", "Nagle stall", "a full read taken for more")
LINES = ("data = self.recv(1024)", "self.write(data)")
STATEMENT = """
This loop is told of changes only (EPOLLET). Mend the class: it echoes everything, at most 1,024 bytes a
recv, without being reminded.
"""

STUB = r"""
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        data = self.recv(1024)
        self.write(data)
"""

HINTS = (
    "Of what the kernel has, how much does the handler take?",
    "Nobody reminds you of what you leave. When may you stop?",
    "while data := self.recv(1024): self.write(data)",
)

EXPLANATION = """
Edge-triggered tells that something has come, once. Who leaves a part waits for the next arrival, and
perhaps for ever. Read until EAGAIN; or use a level-triggered selector, as nearly everybody does.
"""


def host(answer: Any, **options: Any) -> Lab:
    from labkit.record.edge import EdgeSelector

    return Lab(answer, selector=EdgeSelector(), **options)


def scene(bench: Any) -> str:
    stage, one, others = company(bench)
    for peer in others:
        stage.send(peer, bench.text(100))
        stage.step()
    size = bench.rng.randrange(2500, 9000)
    stage.send(one, bench.text(size))
    stage.step(bench.rng.randrange(5, 9))
    return f"Short messages come back at once. {one.name} sent {size:,} bytes, and waits for most of them."


def long(bench: Any) -> None:
    stage, one, _ = company(bench)
    data = bench.text(bench.rng.randrange(2500, 9000))
    stage.send(one, data)
    got = drain(stage, one, len(data))
    expect(got == data, f"All {len(data):,} bytes come back.", f"{len(got):,} came.", stage.last)


def several(bench: Any) -> None:
    stage, one, _ = company(bench)
    for size in (1024, 3072, 10):
        data = bench.text(size)
        stage.send(one, data)
        got = drain(stage, one, size)
        expect(got == data, f"{size:,} bytes come back.", f"{len(got):,} came.", stage.last)


CHECKS = (Check("a long message", 3, long), Check("one after another", 2, several))
