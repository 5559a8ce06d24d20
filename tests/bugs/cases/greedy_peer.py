"""A greedy peer: a handler reads on as long as its peer sends."""

from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.bugs_scene import company, most_reads
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER = "The fast client", "10", "Server"
NAME, RULE = "greedy peer", "starvation"
DISTRACTORS = ("a handler that blocks", "quadratic buffer", "edge stall")
LINES = ("while self.recv(16):",)
STATEMENT = """
Who reads until there is no more never returns while its peer is quick. Mend the class: it takes
everything, but in one iteration no more than 16 recvs of at most 1,024 bytes.
"""

STUB = r"""
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        while self.recv(16):
            pass
"""

HINTS = (
    "When does the handler return?",
    "A peer that sends as fast as you read never lets it end. The others wait.",
    "Read once. A level-triggered wait tells you of the rest, and lets the others in between.",
)

EXPLANATION = """
Fairness is a limit: so much each time, and the next wait tells of the rest. With a level-triggered
selector nothing is lost by returning early.
"""


def host(answer: Any, **options: Any) -> Lab:
    return Lab(answer, **options)


def scene(bench: Any) -> str:
    stage, one, others = company(bench, bench.rng.randrange(3, 5), buffers=400_000)
    size = bench.rng.randrange(420_000, 520_000)
    sent = sum(stage.send(one, bench.text(4096) * 8) for _ in range(size // 32_768))
    for peer in others:
        stage.send(peer, b"hello")
    stage.run(0.4)
    return f"Alone, each client is served at once. While {one.name} uploads {sent:,} bytes, the others wait."


def fair(bench: Any) -> None:
    stage, one, _ = company(bench)
    stage.send(one, bench.text(40_000))
    stage.step(3)
    reads, at = most_reads(stage.tape, stage.fd(one.name))
    expect(
        reads <= 16, "One iteration reads a connection at most 16 times.", f"It was read {reads} times.", at
    )


def everything(bench: Any) -> None:
    stage, one, _ = company(bench)
    size = bench.rng.randrange(10_000, 40_000)
    sent = stage.send(one, bench.text(size))
    expect(stage.quiet(200), "The loop takes everything, and sleeps.", "It does not.", stage.last)
    left = stage.tape[-1].queues[stage.fd(one.name)].recv_queue or 0
    expect(not left, f"All {sent:,} bytes are taken.", f"{left:,} lie there still.", stage.last)


CHECKS = (Check("fair", 3, fair), Check("everything", 1, everything))
