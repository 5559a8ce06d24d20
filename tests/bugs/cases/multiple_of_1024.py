"""The multiple of 1,024: a full read is taken for a sign of more."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import company, drain
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER = "Some sizes", "10", "Server"
NAME, RULE = "a full read taken for more", "exact-multiple"
DISTRACTORS = ("edge stall", "lost partial write", "half-close taken for good-bye")
LINES = ("if len(data) < 1024:", "data = self.socket.recv(1024)", "while True:")
STATEMENT = """
A full recv says nothing about what is behind it. Mend the class: it echoes messages of every size, and
closes when the peer does.
"""

STUB = r"""
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        while True:
            data = self.socket.recv(1024)
            if not data:
                return self.handle_close()
            self.write(data)
            if len(data) < 1024:
                return
"""

HINTS = (
    "What does this loop believe about a recv that filled up?",
    "There may be nothing more. What does recv raise then, and what becomes of the connection?",
    "while data := self.recv(1024): self.write(data). Or read once: select tells you again.",
)

EXPLANATION = """
A short recv says that the queue was empty. A full one says nothing: an exact multiple sends you round
once more, into EAGAIN. An exception that nobody catches ends the connection.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def scene(bench: Any) -> str:
    stage, one, others = company(bench)
    for peer in (one, *others):
        stage.send(peer, bench.text(bench.rng.randrange(10, 1000)))
        stage.step(2)
        stage.take(peer)
    size = 1024 * bench.rng.randrange(1, 6)
    stage.send(one, bench.text(size))
    stage.step(4)
    return f"{size - 1:,} bytes are echoed, and {size + 1:,} too. {one.name} sent {size:,}, and was cut off."


def _all(bench: Any, sizes: tuple[int, ...]) -> None:
    stage, one, _ = company(bench)
    for size in sizes:
        data = bench.text(size)
        stage.send(one, data)
        got = drain(stage, one, size)
        expect(got == data, f"{size:,} bytes come back.", f"{len(got):,} came.", stage.last)
        stage.step(2)
        stage.take(one, 1, within=0.05)
        expect(not one.eof, f"{one.name} stays connected.", "They were cut off.", stage.last)


def multiples(bench: Any) -> None:
    _all(bench, (1024, 2048, 5120))


def others(bench: Any) -> None:
    _all(bench, (1, 1023, 1025, 3000))


def closes(bench: Any) -> None:
    stage, one, _ = company(bench)
    one.shutdown()
    stage.step(3)
    stage.take(one, 1)
    expect(one.eof, "Who ends is closed.", "The connection stays open.", stage.last)


CHECKS = (Check("multiples", 3, multiples), Check("other sizes", 1, others), Check("closes", 1, closes))
