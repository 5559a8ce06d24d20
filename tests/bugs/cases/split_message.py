"""A race that shows only when bytes split: each recv is taken for a message."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import answers, company
from labkit.teaching.practice_form import Check

TITLE, LESSON, ANSWER = "Once in a thousand", "10", "Server"
NAME, RULE = "a recv taken for a message", ""
WHY_NOT = "a tape has bytes, and not where a message ends; that is agreed between the programs."
DISTRACTORS = ("lost partial write", "state kept by fd number", "a full read taken for more")
LINES = ("data = self.recv(1024)", "for name in data.splitlines():")
STATEMENT = """
A stream has no messages in it. Mend the class: it greets each line once, in however many pieces it
comes.
"""

STUB = r"""
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        data = self.recv(1024)
        for name in data.splitlines():
            self.write(b"hello, " + name + b"\n")
"""

HINTS = (
    "What does the handler believe that a recv brings?",
    "Half of a name may come, or three and a half. What has no newline yet must be kept.",
    "self.read_buffer += self.recv(1024); while b'\\n' in self.read_buffer: partition it.",
)

EXPLANATION = """
TCP carries bytes. Small messages nearly always arrive whole on a quiet machine, so this works for a
year. Only the newline says where a line ends.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def scene(bench: Any) -> str:
    stage, one, others = company(bench)
    names = [bench.text(bench.rng.randrange(6, 20)) for _ in range(3)]
    for peer in (*others, one):
        for name in names[:2]:
            stage.send(peer, name + b"\n")
            stage.step(2)
    cut = bench.rng.randrange(2, 5)
    stage.send(one, names[2][:cut])
    stage.step()
    stage.send(one, names[2][cut:] + b"\n")
    stage.step(2)
    return f"Everybody is greeted once for each name they send. {one.name} was greeted twice for the last."


def whole(bench: Any) -> None:
    stage, one, _ = company(bench)
    for name in (b"ann", b"bo"):
        answers(stage, one, name + b"\n", b"hello, " + name + b"\n")
    answers(stage, one, b"cy\ndi\n", b"hello, cy\nhello, di\n")


def split(bench: Any) -> None:
    stage, one, others = company(bench)
    stage.send(one, b"mar")
    stage.step(2)
    for peer in others:
        answers(stage, peer, b"zoe\n", b"hello, zoe\n")
    answers(stage, one, b"tha\nni", b"hello, martha\n")
    answers(stage, one, b"na\n", b"hello, nina\n")


CHECKS = (Check("whole lines", 1, whole), Check("lines in pieces", 3, split))
