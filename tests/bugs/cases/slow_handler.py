"""A slow handler: it waits for the rest of a line, and everybody waits with it."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import answers, company
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER = "The patient server", "10", "Server"
NAME, RULE = "a handler that blocks", "blocking"
DISTRACTORS = ("greedy peer", "quadratic buffer", "Nagle stall")
LINES = ("self.socket.settimeout(0.3)", "line += self.socket.recv(1024)", 'while not line.endswith(b"\\n"):')
STATEMENT = """
A handler may not wait for its peer. Mend the class: it answers each line in capitals, and keeps a line
that is not whole yet.
"""

STUB = r"""
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        line = self.recv(1024)
        if not line:
            return
        self.socket.settimeout(0.3)
        try:
            while not line.endswith(b"\n"):
                line += self.socket.recv(1024)
        except TimeoutError:
            pass
        self.socket.setblocking(False)
        self.write(line.upper())
"""

HINTS = (
    "Which line makes a call that may sleep?",
    ("The loop waits for everybody at once. What has come so far needs a place until the rest comes."),
    ("self.read_buffer += self.recv(1024); while there is a newline in it, take a line off and answer it."),
)

EXPLANATION = """
A loop has one thread: while one handler waits, nobody is served. Waiting is the loop's work. What has
come so far is kept in the read buffer, and the handler returns.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def scene(bench: Any) -> str:
    stage, one, others = company(bench, bench.rng.randrange(3, 5))
    for _ in range(2):
        stage.send(one, bench.text(bench.rng.randrange(5, 60)))
        for peer in others:
            stage.send(peer, bench.text(bench.rng.randrange(5, 60)) + b"\n")
        stage.step(2)
    return f"Answers come at once, mostly. Now and then {others[0].name} waits, and has done nothing odd."


def nobody_waits(bench: Any) -> None:
    stage, one, others = company(bench)
    stage.send(one, b"half a li")
    stage.step(2)
    for peer in others:
        answers(stage, peer, b"hello\n", b"HELLO\n")
    got = stage.take(one, 1, within=0.05)
    expect(not got, "While half a line is here, it is kept.", f"{got!r} was answered.", stage.last)
    stage.send(one, b"ne\n")
    stage.step(2)
    got = stage.take(one, 12)
    expect(got == b"HALF A LINE\n", "Two pieces of a line are one line.", f"Got {got!r}.", stage.last)


def glued(bench: Any) -> None:
    stage, one, _ = company(bench)
    answers(stage, one, b"one\ntwo\nthr", b"ONE\nTWO\n")
    answers(stage, one, b"ee\n", b"THREE\n")


CHECKS = (Check("nobody waits", 3, nobody_waits), Check("lines in one piece", 2, glued))
