"""Where the time went: asleep in the wait against awake in the handlers, and the CPU that it cost.

A wait of seconds and a handler of microseconds stand side by side, so the axis is logarithmic, says so, and
is the same in every lab; what share of the time each had is the bar above. It knows a Scene and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from labkit.figure.layout import Columns, Place, room
from labkit.figure.marks import Mark, Part
from labkit.figure.panels.axis import FLAG, axis
from labkit.figure.panels.panel import HEAD, Panel, Scene
from labkit.figure.theme import LINE
from labkit.tape import narrate
from labkit.tape.iteration import Iteration

LEAST, MOST = 1_000, 10_000_000_000  # ns at the foot and the top of a lane
TICKS = ((1_000, "1 µs"), (1_000_000, "1 ms"), (1_000_000_000, "1 s"))
LANE, LOW, SPACE = 66, 36, 12  # pixels of a lane, of one in a figure that must be low, between lanes
TOP = HEAD + LINE + 14 + 10  # the title, the key, the shares
LABEL = 92


class Time(Panel):
    """Two lanes of bars, a column an iteration, and the shares of the whole window."""

    name = "time"
    title = "where the time went"
    column = "right"

    def heights(self, scene: Scene, wide: float, count: int) -> tuple[float, float]:
        rest = TOP + SPACE + LINE + FLAG + 3
        return rest + 2 * LOW, rest + 2 * LANE

    def parts(self, scene: Scene, place: Place) -> Iterator[Part]:
        x, y = place.x, place.y
        first, turns = scene.column(place.count)
        grid = Columns(first, place.count, LABEL, max(2.0, (place.w - LABEL) // (place.count + 1)))
        tall = (place.h - TOP - SPACE - LINE - FLAG - 3) / 2
        lanes = {"asleep": TOP + tall, "awake": TOP + 2 * tall + SPACE}  # where their bars begin
        yield Part("scale", x, y, (grid, tall), lambda: self._scale(grid, lanes, tall))
        for part in axis(self, scene, grid, TOP, lanes["awake"]):
            yield part._replace(x=x, y=y)
        told = [turn for turn in turns if turn is not None]
        sums = sum(t.asleep_ns for t in told), sum(t.awake_ns for t in told), sum(t.cpu_ns for t in told)
        yield Part("shares", x, y, (sums, place.w), lambda: self._shares(*sums, place))
        for turn in told:
            yield Part(
                f"column {turn.index}", x + grid.x(turn.index), y, (turn.index, tall, grid.step),
                partial(self._column, turn, lanes, tall, grid.step),
            )  # fmt: skip

    def _scale(self, grid: Columns, lanes: dict[str, float], tall: float) -> list[Mark]:
        marks = []
        for name, foot in lanes.items():
            marks.append(self.says("text", "bold", 0, foot - tall, LABEL - 40, name))
            marks.append(self.says("text", "muted", 0, foot - tall + LINE, LABEL - 40, "(log)"))
            for ns, text in TICKS:
                at = foot - tall * height(ns)
                right = grid.right + grid.step
                marks.append(self.box("rule", name, (grid.left, at, right - grid.left, 0), value=ns))
                marks.append(self.says("label", "muted", LABEL - 46, at - LINE / 2, 42, text, value=ns))
        return marks

    def _shares(self, asleep: int, awake: int, cpu: int, place: Place) -> list[Mark]:
        whole, marks, x, y = asleep + awake, [self.heading(place)], 0.0, HEAD + LINE + 2
        for state, ns in (("asleep", asleep), ("awake", awake)):
            wide = place.w * ns / whole if whole else 0.0
            text = f"{state} {percent(ns, whole)} of these iterations"
            marks.append(self.box("share", state, (x, y, wide, 10), value=ns, text=text))
            x += wide
        x, keys = 0.0, {"asleep": asleep, "awake": awake, "cpu": min(cpu, whole)}  # two clocks
        texts = [f"{state.replace('cpu', 'CPU')} {percent(ns, whole)}" for state, ns in keys.items()]
        gap = min(15.0, (place.w - sum(room(text) + 17 for text in texts)) / 2)  # so that the last is whole
        for (state, ns), text in zip(keys.items(), texts, strict=True):
            marks.append(self.box("swatch", f"bar {state}", (x, HEAD + 3, 12, 12), text=text))
            marks.append(self.says("legend", "", x + 17, HEAD, room(text) + 1, text, value=ns))
            x += room(text) + 17 + gap
        return marks

    def _column(self, turn: Iteration, lanes: dict[str, float], tall: float, step: float) -> list[Mark]:
        awake, cpu = max(1.0, (step - 2) * 2 / 3), max(1.0, (step - 2) / 3)
        spans = {
            "asleep": (turn.asleep_ns, lanes["asleep"], 1.0, max(1.0, step - 2)),
            "awake": (turn.awake_ns, lanes["awake"], 1.0, awake),
            "cpu": (turn.cpu_ns, lanes["awake"], 1 + awake, cpu),
        }
        return [
            self.box(
                "bar", state, (x, foot - tall * height(ns), wide, tall * height(ns)),
                iteration=turn.index, value=ns,
                text=f"iteration {turn.index:,}: {SAYS[state]} {narrate.duration(ns)}",
            )
            for state, (ns, foot, x, wide) in spans.items()
        ]  # fmt: skip


SAYS = {"asleep": "asleep in the wait", "awake": "awake in the handlers", "cpu": "CPU"}


def height(ns: int) -> float:
    """Where a duration stands on the axis, 0 to 1."""
    if ns <= LEAST:
        return 0.0
    return min(1.0, math.log(ns / LEAST) / math.log(MOST / LEAST))


def percent(part: int, whole: int) -> str:
    """`99.8 %`; never 0 or 100 unless it is."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "< 0.1 %"
    if 99.9 < share < 100:
        return "> 99.9 %"
    return f"{share:.0f} %" if share in (0, 100) or 10 <= share < 99 else f"{share:.1f} %"
