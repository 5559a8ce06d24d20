"""Half-close: the end of the question is taken for good-bye."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import company, drain
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER = "The polite client", "10", "Server"
NAME, RULE = "half-close taken for good-bye", "half-close"
DISTRACTORS = ("lost partial write", "lost tail", "ignored EOF")
LINES = ("self.abort()", "def handle_close(self):")
STATEMENT = """
b'' says that the peer sends no more; it may well go on reading. Mend the class: the reply, the question
60 times, is sent first, and then the connection is closed.
"""

STUB = r"""
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        self.write(self.recv(4096) * 60)

    def handle_close(self):
        self.abort()
"""

HINTS = (
    "Where does the server close, and what does it hold then?",
    "What waits in the write buffer is still owed. When is it time to close?",
    "Channel's own handle_close sends what is left, and closes then: leave yours out.",
)

EXPLANATION = """
The end is of what the peer sends, not of what it reads. Send what the write buffer holds, ask to read
no more, and close when it is empty.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def scene(bench: Any) -> str:
    stage, one, _ = company(bench, buffers=4096)
    question = bench.text(bench.rng.randrange(900, 1900))
    stage.send(one, question)
    stage.step(2)
    one.shutdown()
    got = drain(stage, one, len(question) * 60, 40)
    return (
        f"{one.name} asks, says that this was all, and reads: {len(got):,} bytes, of {len(question) * 60:,}. "
        "Clients who do not say so get everything."
    )


def whole(bench: Any) -> None:
    stage, one, _ = company(bench, buffers=4096)
    question = bench.text(bench.rng.randrange(900, 1900))
    stage.send(one, question)
    stage.step(2)
    one.shutdown()
    wanted = question * 60
    got = drain(stage, one, len(wanted), 600)
    expect(got == wanted, f"All {len(wanted):,} bytes arrive.", f"{len(got):,} came.", stage.last)
    stage.step(2)
    stage.take(one, 1)
    expect(one.eof, "Then the connection is closed.", "It stays open.", stage.last)


def stays(bench: Any) -> None:
    stage, one, _ = company(bench)
    for _ in range(2):
        stage.send(one, b"?")
        got = drain(stage, one, 60, 8)
        expect(got == b"?" * 60, "Who stays is answered.", f"{len(got)} bytes came.", stage.last)


CHECKS = (Check("the whole reply", 3, whole), Check("who stays", 1, stays))
