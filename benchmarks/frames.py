"""What one frame costs: ours, against the figure that people write with pyplot and `clear_output`."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable

import matplotlib
from matplotlib import pyplot as plt

from labkit import Lab, LiveFigure, Tape
from labkit.lab.scenarios import Echo

matplotlib.use("agg")
SIZE = (1000, 600)
WINDOW = 32


def busy_tape(connections: int = 8, iterations: int = 120) -> Tape:
    """A tape on which every connection is at work."""
    with Lab(Echo, selector="epoll", buffers=4096) as lab:
        peers = [lab.connect(f"peer {n + 1}") for n in range(connections)]
        lab.step(connections)
        for turn in range(iterations - connections):
            for number, peer in enumerate(peers):
                peer.send(b"x" * (200 * (1 + (turn + number) % 9)))
                if (turn + number) % 3:
                    peer.recv(1500)
            lab.step()
        return lab.tape


def milliseconds(work: Callable[[int], object], positions: range) -> float:
    """The median of `work(position)`."""
    took = []
    for position in positions:
        began = time.perf_counter()
        work(position)
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


def ours(tape: Tape) -> Callable[[int], object]:
    """Four panels, as LiveFigure sends them: pixels, then PNG."""
    frame = LiveFigure(tape, size=SIZE)._frame
    return lambda position: frame.png(tape, position)


def pyplot(tape: Tape) -> Callable[[int], object]:
    """The same facts with plt.subplots, drawn anew and saved, as `clear_output(); plt.show()` does."""

    def draw(position: int) -> bytes:
        turns = tape[max(0, position - WINDOW) : position + 1]
        figure, ((sets, calls), (buffers, times)) = plt.subplots(2, 2, figsize=(10, 6), dpi=100)
        for field, marker in (("interest", "s"), ("ready", "x")):
            points = [(turn.index, fd) for turn in turns for fd in getattr(turn, field)]
            sets.scatter(*zip(*points, strict=True), marker=marker)
        turn = tape[position]
        calls.axis("off")
        calls.text(0, 1, turn.explain(), va="top", fontsize=6)
        names = [turn.name(fd) for fd in turn.accounts]
        left = [0] * len(names)
        for place in ("recv_queue", "read_buffer", "write_buffer", "send_queue"):
            width = [getattr(turn.queues[fd], place) or 0 for fd in turn.accounts]
            buffers.barh(names, width, left=left, label=place)
            left = [a + b for a, b in zip(left, width, strict=True)]
        buffers.legend()
        times.bar([t.index for t in turns], [t.asleep_ns for t in turns])
        times.bar([t.index for t in turns], [t.awake_ns for t in turns])
        file = io.BytesIO()
        figure.savefig(file, format="png")
        plt.close(figure)
        return file.getvalue()

    return draw


def cost() -> tuple[float, float]:
    """(ms for one of our frames, how many times dearer pyplot's is)."""
    tape = busy_tape()
    mine, theirs = ours(tape), pyplot(tape)
    for warm_up in range(10, 14):
        mine(warm_up)
        theirs(warm_up)
    rounds = [
        (milliseconds(mine, range(40, 100)), milliseconds(theirs, range(40 + n, 45 + n))) for n in range(3)
    ]
    each = statistics.median(a for a, _ in rounds)
    return each, statistics.median(b / a for a, b in rounds)
