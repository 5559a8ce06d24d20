"""Nagle stall: a reply leaves in two small pieces."""

import socket
from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import answers, company
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_reading import calls

TITLE, LESSON, ANSWER = "Forty milliseconds", "10", "Server"
NAME, RULE = "Nagle stall", "nagle"
DISTRACTORS = ("a handler that blocks", "quadratic buffer", "edge stall")
LINES = ('self.write(b"%04d" % len(question))', "self.write(question[::-1])")
STATEMENT = """
A small piece waits until the one before it is acknowledged. Mend the class: a reply, four digits and
the question backwards, leaves in one send.
"""

STUB = r"""
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        question = self.recv(1024)
        if question:
            self.write(b"%04d" % len(question))
            self.write(question[::-1])
"""

HINTS = (
    "How many pieces does a reply leave in?",
    (
        "The kernel holds the second piece back until the first is acknowledged, and the peer is in"
        " no hurry with that."
    ),
    "One self.write with both parts.",
)

EXPLANATION = """
Nagle's rule keeps a small piece back while another is unacknowledged; delayed ACK lets the peer take up
to 40 ms with that. A message is one thing: send it in one piece.
"""


def host(answer: Any, **options: Any) -> Lab:
    class AsTheKernelDoes(answer):  # type: ignore[misc]
        """A lab switches Nagle off; programs do not, unless they say so."""

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)

    return Lab(AsTheKernelDoes, **options)


def scene(bench: Any) -> str:
    stage, one, _ = company(bench, 2)
    for _ in range(bench.rng.randrange(22, 28)):
        question = bench.text(bench.rng.randrange(5, 60))
        stage.send(one, question)
        stage.step()
        stage.take(one, len(question) + 4, within=1.0)
    return f"{one.name} asks one short question after the other, and some forty milliseconds pass with each."


def one_send(bench: Any) -> None:
    stage, one, _ = company(bench)
    for n in range(3):
        question = bench.text(bench.rng.randrange(5, 60))
        answers(stage, one, question, b"%04d" % len(question) + question[::-1])
        made = calls(stage.tape, stage.fd(one.name), "send")
        expect(len(made) == n + 1, "A reply is one send.", f"It took {len(made) - n}.", made[-1][0])


CHECKS = (Check("one send", 2, one_send),)
