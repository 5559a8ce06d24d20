"""Lost partial write: send takes a part, and the rest is forgotten."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import company, drain
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER = "The short reply", "10", "Server"
NAME, RULE = "lost partial write", "partial-write"
DISTRACTORS = ("half-close taken for good-bye", "lost tail", "a recv taken for a message")
LINES = ("self.socket.send(question * 400)",)
STATEMENT = """
send() returns how much it took. Mend the class: a reply is the question 400 times, and all of it
arrives.
"""

STUB = r"""
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        question = self.recv(1024)
        if question:
            self.socket.send(question * 400)
"""

HINTS = (
    "Which call may do less than it is asked to?",
    "What the kernel does not take is still yours: it needs a place, and a later try.",
    "self.write(question * 400) keeps the rest, and asks to write.",
)

EXPLANATION = """
`send` on a non-blocking socket takes what has room, and says how much that was. Short replies always
fit, so this passes every test with short replies.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def scene(bench: Any) -> str:
    stage, one, _ = company(bench, buffers=4096)
    question = bench.text(bench.rng.randrange(200, 900))
    stage.send(one, question)
    got = drain(stage, one, len(question) * 400, 20)
    return f"{one.name} should get {len(question) * 400:,} bytes, reads what there is, and gets {len(got):,}."


def whole(bench: Any) -> None:
    stage, one, _ = company(bench, buffers=4096)
    question = bench.text(bench.rng.randrange(200, 300))
    stage.send(one, question)
    wanted = question * 400
    got = drain(stage, one, len(wanted), 900)
    expect(len(got) == len(wanted), f"{len(wanted):,} bytes arrive.", f"{len(got):,} came.", stage.last)
    expect(got == wanted, "They are the right ones.", "They are not.", stage.last)


def short(bench: Any) -> None:
    stage, one, others = company(bench)
    for peer in (one, *others):
        stage.send(peer, b"?")
        stage.step(2)
        got = stage.take(peer, 400)
        expect(got == b"?" * 400, "A short reply arrives.", f"{len(got)} bytes came.", stage.last)


CHECKS = (Check("the whole reply", 3, whole), Check("a short reply", 1, short))
