"""Where the time went: asleep in the wait against awake in the handlers, and the CPU that it cost.

A wait of seconds and a handler of microseconds stand side by side, so the bars are logarithmic and their axis
is the same in every lab; what share of the time each had is the bar above them.
"""

from __future__ import annotations

import math

from labkit.charts.ink import Words, width
from labkit.figure.axis import Columns
from labkit.figure.panels.panel import Panel, centred, window
from labkit.tape.tape import Tape

LEAST, MOST = 1_000, 10_000_000_000  # ns at the foot and the top of a lane
TICKS = ((1_000_000, "1 ms", 3.2), (1_000_000_000, "1 s", 4.4))  # ns, words, lines of text they need


class Time(Panel):
    """Two lanes of bars, a column an iteration, and the shares of the whole window."""

    column = "right"
    weight = 0.9

    def build(self) -> None:
        theme, box = self.theme, self.box
        words, baseline = self.heading("where the time went")
        self.share_line = baseline + theme.line * 1.1
        self.share_top = self.share_line + theme.text * 0.45
        self.share_tall = max(8, round(theme.text * 0.7))
        left = box.x + width("asleep", theme.plain) + theme.text * 0.6
        top = self.share_top + self.share_tall + theme.text * 0.9
        self.grid = Columns(self, left, top, box.right, box.bottom - theme.line)
        tall = (self.grid.bottom - self.grid.top - 6) / 2
        self.lanes = [(self.grid.top, tall), (self.grid.top + tall + 6, tall)]
        self._scale(words)
        self.shares = [self.boxes(theme.asleep), self.boxes(theme.program)]
        self.bars = [self.boxes(theme.asleep), self.boxes(theme.program)]
        self.halo = self.strokes(theme.ground, 4.5)
        self.cpu = self.strokes(theme.ink, 2.2)
        self.text = self.words()

    def _scale(self, words: Words) -> None:
        theme, grid = self.theme, self.grid
        lines = self.strokes(theme.hairline, 1.0, smooth=False)
        self.artists.remove(lines)
        self.fixed(lines)
        segments = []
        for (top, tall), name in zip(self.lanes, ("asleep", "awake"), strict=True):
            foot = round(top + tall) - 0.5
            words.add(grid.left - 6, foot, name, theme.plain, theme.ink, "right")
            segments.append((grid.left, foot, grid.right, foot))
            for ns, label, needs in TICKS:
                y = round(top + tall - tall * height(ns)) - 0.5
                segments.append((grid.left, y, grid.right, y))
                if tall > needs * theme.text:
                    words.add(grid.left - 6, centred(y, theme.text), label, theme.plain, theme.muted, "right")
        lines.hold(segments)

    def draw(self, tape: Tape, index: int, call: int | None = None) -> None:
        grid = self.grid
        first, turns = window(tape, index, grid.count)
        grid.mark(first, index)
        kept = [turn for turn in turns if turn is not None]
        key = self._share(
            sum(turn.asleep_ns for turn in kept),
            sum(turn.awake_ns for turn in kept),
            sum(turn.cpu_ns for turn in kept),
        )
        bars: list[list[tuple[float, float, float, float]]] = [[], []]
        cpu: list[tuple[float, float, float, float]] = []
        for column, turn in enumerate(turns):
            if turn is None:
                continue
            x = grid.x(column) + 1
            for lane, ns in enumerate((turn.asleep_ns, turn.awake_ns)):
                top, tall = self.lanes[lane]
                if ns:
                    high = max(2.0, tall * height(ns))
                    bars[lane].append((x, top + tall - high, grid.step - 2, high))
            top, tall = self.lanes[1]
            y = top + tall - max(1.5, tall * height(turn.cpu_ns))
            cpu.append((x + 1, y, x + grid.step - 3, y))
        for lane in (0, 1):
            self.bars[lane].hold(bars[lane])
        self.halo.hold(cpu)
        self.cpu.hold(cpu + key)

    def _share(self, asleep: int, awake: int, cpu: int) -> list[tuple[float, float, float, float]]:
        """Draw the shares of the window, with their key; returns the key of the CPU's marks."""
        theme, box = self.theme, self.box
        self.text.clear()
        whole = asleep + awake
        split = box.w * asleep / whole if whole else 0
        if awake:
            split = min(split, box.w - 2)
        parts = [(box.x, split), (box.x + split, box.w - split)]
        side, x, y = round(theme.text * 0.72), box.x, self.share_line
        for lane, (name, ns) in enumerate((("asleep", asleep), ("awake", awake))):
            boxes: list[tuple[float, float, float, float]] = [(x, y - side, side, side)]
            if ns:
                boxes.append((parts[lane][0], self.share_top, parts[lane][1], self.share_tall))
            self.shares[lane].hold(boxes)
            x += side + theme.text * 0.35
            text = f"{name} {percent(ns, whole)}"
            if lane and x + width(text, theme.plain) > box.right:
                text = name
            x += self.text.add(x, y, text, theme.plain, theme.ink, room=box.right - x)
            x += theme.text * 0.8
        text = f"CPU {percent(min(cpu, whole), whole)}"  # two clocks never quite agree
        if x + side + width(text, theme.plain) > box.right:
            return []
        self.text.add(x + side + theme.text * 0.35, y, text, theme.plain, theme.ink)
        return [(x, y - side / 2, x + side, y - side / 2)]


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
