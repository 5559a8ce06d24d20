"""What the figure costs: the kernel's part of a frame, frames and presses in a real browser, the player."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.rows import Measure, Pair, compared, valued
from labkit import Channel, Lab, LiveFigure, Tape
from labkit.figure.live import DEFAULT
from labkit.figure.view import View
from labkit.figure.wire import Wire
from labkit.lab.scenarios import traffic

CONNECTIONS, FRAMES = 8, 100
BEST_OF = 5  # what else runs on the machine only adds to a time (timeit says the same)


class Echo(Channel):
    """What is talked to."""

    def handle_read(self) -> None:
        self.write(self.recv(1024))


def rows() -> Iterator[Measure]:
    """The figure's rows."""
    what = f"kernel-side CPU of a frame, {len(DEFAULT)} panels, {CONNECTIONS} connections, to what is sent"
    yield valued(what, frame_ms, 2.5)
    tape = traffic()
    yield valued("the player of `demo traffic`, time to write", lambda: player_ms(tape), 1_000)
    yield valued("the player of `demo traffic`, size", lambda: player_kb(tape), 400, "kB")
    yield from seen()


def frame_ms() -> float:
    """Milliseconds of CPU for a drawing of the next iteration and its message to the browser."""
    with Lab(Echo, selector="epoll") as lab:
        peers = [lab.connect(f"peer {n}") for n in range(CONNECTIONS)]
        lab.run()
        for turn in range(CONNECTIONS + 3 * FRAMES):
            peer = peers[turn % CONNECTIONS]
            peer.send(bytes(64))
            peer.recv()
            time.sleep(0.001)
        lab.pause()
        return min(drawn(lab.tape) for _ in range(BEST_OF))


def drawn(tape: Tape) -> float:
    """The same of the last iterations of a tape, by a figure that has drawn none of them."""
    view, wire = View(tape, DEFAULT, "screen", None), Wire()
    last = tape.dropped + len(tape) - 1
    wire.message(view.draw(last - FRAMES), {}, 0.0, False)
    began = time.thread_time()
    for i in range(last - FRAMES + 1, last + 1):
        wire.message(view.draw(i), {}, 0.0, False)
    return (time.thread_time() - began) * 1e3 / FRAMES


def player_ms(tape: Tape) -> float:
    """Milliseconds to write a page that plays the tape."""
    took = []
    for _ in range(BEST_OF):
        began = time.perf_counter()
        player_kb(tape)
        took.append((time.perf_counter() - began) * 1e3)
    return min(took)


def player_kb(tape: Tape) -> float:
    """kB of that page."""
    with tempfile.TemporaryDirectory() as folder:
        return LiveFigure(tape).save(Path(folder) / "player.html").stat().st_size / 1e3


def seen() -> Iterator[Measure]:
    """What a reader sees in JupyterLab in Chromium: one visit a repetition, which the first row makes."""
    from tests.browser.measure import FDS, Seen, measure, p95

    visits: list[Seen] = []

    def visit() -> float:
        visits.append(measure(seconds=3.0, presses=20))
        return 1e3 / max(visits[-1].grid_fps, 0.1)

    def last(value: Callable[[Seen], float]) -> Callable[[], float]:
        return lambda: value(visits[-1])

    def round_trips() -> Pair:
        return visits[-1].closed, visits[-1].opened

    what = f"from frame to frame in Chromium (50 a second are 20 ms), {FDS} fds × 64 columns, moving"
    yield valued(what, visit, 20)
    what = f"from frame to frame in Chromium, {len(DEFAULT)} panels, {CONNECTIONS} connections, moving"
    yield valued(what, last(lambda one: 1e3 / max(one.fps, 0.1)))
    yield valued("Step to paint, 95th percentile", last(lambda one: p95(one.step_ms)), 50)
    what = "scrub to paint, the pointer at the slider for 3 s before, 95th percentile"
    yield valued(what, last(lambda one: p95(one.scrub_ms)), 50)
    what = "for comparison, from a message of an empty widget to the paint after its answer, 95th percentile"
    yield valued(what, last(lambda one: p95(one.floor_ms)))
    what = "round trips at full speed, figure closed against open (0.9 of them are 1.11)"
    yield compared(what, round_trips, 1.11, "round trips")
