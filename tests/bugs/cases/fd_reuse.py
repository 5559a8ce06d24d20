"""fd reuse: what belongs to a connection is kept under its number."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import CAST, answers, company
from labkit.teaching.practice_form import Check

TITLE, LESSON, ANSWER = "The wrong name", "10", "Server"
NAME, RULE = "state kept by fd number", ""
WHY_NOT = "the tape shows that a number was given away again, but not what the program keeps under it."
DISTRACTORS = ("a recv taken for a message", "greedy peer", "ignored EOF")
LINES = ("NAMES = {}", "name = NAMES.setdefault(self.socket.fileno(), data)")
STATEMENT = """
The kernel gives the number of a closed fd to whatever is opened next. Mend the class: it answers each
message with the first one of the same connection.
"""

STUB = r"""
from labkit import Channel

NAMES = {}


class Server(Channel):
    def handle_read(self):
        data = self.recv(1024)
        if data:
            name = NAMES.setdefault(self.socket.fileno(), data)
            self.write(b"dear " + name + b"\n")
"""

HINTS = (
    "How long is what this server knows valid, and under which key?",
    "A number is a place in a table of the kernel's. Who has it after its owner has left?",
    "Keep it in the object: self.name. Or delete the entry in handle_close.",
)

EXPLANATION = """
An fd is a place in a table, and the lowest free one is given away next. What is kept under the number
outlives its owner. Keep it in the object that is the connection.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def _succession(bench: Any) -> tuple[Any, Any, Any]:
    stage, one, others = company(bench)
    for peer in (one, *others):
        stage.send(peer, peer.name.encode())
        stage.step(2)
    one.close()
    stage.step(2)
    late = stage.connect(bench.rng.choice([name for name in CAST if name not in stage.peers]))
    stage.step(2)
    return stage, one, late


def scene(bench: Any) -> str:
    stage, one, late = _succession(bench)
    stage.send(late, late.name.encode())
    stage.step(2)
    stage.take(late)
    return f"{late.name} came when {one.name} had gone, gave a name, and was called {one.name}."


def newcomer(bench: Any) -> None:
    stage, _, late = _succession(bench)
    answers(stage, late, late.name.encode(), b"dear " + late.name.encode() + b"\n")


def remembers(bench: Any) -> None:
    stage, one, _ = company(bench)
    answers(stage, one, b"ann", b"dear ann\n")
    answers(stage, one, b"more", b"dear ann\n")


CHECKS = (Check("a newcomer", 3, newcomer), Check("remembers", 1, remembers))
