"""Ignored EOF: recv returns nothing, for ever, and nobody closes."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import answers, comes_to_rest, company
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER = "The guest who left", "10", "Server"
NAME, RULE = "ignored EOF", "eof-spin"
DISTRACTORS = ("always writable", "edge stall", "half-close taken for good-bye")
LINES = ("data = self.socket.recv(1024)", "self.write(data)")
STATEMENT = """
The end of a stream is readable for ever, and recv returns b''. Mend the class: it closes its end, too.
"""

STUB = r"""
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        data = self.socket.recv(1024)
        self.write(data)
"""

HINTS = (
    "What does recv return when the peer has gone?",
    "b'' is no message. What should be done with it?",
    "if data: self.write(data), else: self.handle_close().",
)

EXPLANATION = """
The end is a state, not an event: a wait reports it until the socket is closed. A Channel's own `recv`
calls `handle_close` by itself; whoever calls the socket's has to look.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def scene(bench: Any) -> str:
    stage, one, _ = company(bench)
    data = bench.text(bench.rng.randrange(10, 900))
    stage.send(one, data)
    stage.step(2)
    stage.take(one, len(data))
    one.close()
    stage.step(bench.rng.randrange(7, 12))
    return f"All went well until {one.name} left. Since then a processor is busy, with nobody to serve."


def sleeps(bench: Any) -> None:
    stage, one, _ = company(bench)
    answers(stage, one, b"hello", b"hello")
    one.close()
    comes_to_rest(stage)


def closes(bench: Any) -> None:
    stage, one, others = company(bench)
    one.shutdown()
    stage.step(4)
    stage.take(one, 1)
    expect(one.eof, f"{one.name} ends, and the server closes its end.", "It stays open.", stage.last)
    for peer in others:
        answers(stage, peer, b"still here", b"still here")


CHECKS = (Check("sleeps", 3, sleeps), Check("closes", 2, closes))
