"""The map of a program as it ran: which method called which, and how often, up to a position of the tape."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from labkit.charts.ink import width
from labkit.figure.panels.panel import Panel
from labkit.tape.tape import Tape
from labkit.tape.turn import callers

COUNTED = 5000  # iterations before the position; a longer tape is counted from there on


class Row(NamedTuple):
    name: str
    depth: int
    times: int
    now: int  # of them in this iteration
    seen: bool  # what it calls is drawn further up


class CallMap(Panel):
    """Methods under the methods that called them, with a bar for how often."""

    weight = 1.4

    def __init__(self) -> None:
        super().__init__()
        self._counted: tuple[Tape, int, int] | None = None  # tape, from, up to (excluded)
        self._pairs: Counter[tuple[str, str]] = Counter()

    def build(self) -> None:
        self.text, self.y = self.heading("who calls whom")
        self.bars = self.boxes(face=self.theme.cell, edge=self.theme.hairline)
        self.now = self.boxes(face=self.theme.program)
        self.lines = self.strokes(self.theme.muted, 1.0, smooth=False)
        self.labels = self.words()

    def draw(self, tape: Tape, index: int, call: int | None = None) -> None:
        theme, box, words = self.theme, self.box, self.labels
        words.clear()
        for artist in (self.bars, self.now, self.lines):
            artist.hold(())
        rows = tree(self._count(tape, index), self._this(tape, index))
        y = self.y + theme.line * 0.3
        if not rows:
            words.add(box.x, y + theme.line, "no call was made yet", theme.plain, theme.muted)
            return
        fits = max(1, int((box.bottom - y) // theme.line))
        left = len(rows) - fits
        if left > 0:
            rows = rows[: fits - 1]
        indent = theme.text * 1.3
        most = max(row.times for row in rows) or 1
        names = max(row.depth * indent + width(row.name, theme.mono_bold) for row in rows) + theme.text * 2
        bar_x = box.x + min(names, box.w * 0.6)
        room = box.right - bar_x - width(f"{most:,} · {most:,} now", theme.plain) - theme.text
        bars, now, lines = [], [], []
        trunk: dict[int, float] = {}  # depth → where the line down from its last row begins
        for row in rows:
            y += theme.line
            middle = y - theme.text * 0.36
            x = box.x + row.depth * indent
            if row.depth:
                lines.append((x - indent * 0.6, trunk[row.depth - 1], x - indent * 0.6, middle))
                lines.append((x - indent * 0.6, middle, x - theme.text * 0.2, middle))
            trunk[row.depth] = y + theme.text * 0.25
            ink = theme.ink if row.now or not row.depth else theme.muted
            name = f"{row.name} ↑" if row.seen else row.name
            words.add(x, y, name, theme.mono_bold if row.now else theme.mono, ink, room=bar_x - x - 4)
            if not row.depth and not row.times:
                continue
            if room > 20:
                bars.append(
                    (bar_x, middle - theme.text * 0.4, max(2.0, room * row.times / most), theme.text * 0.8)
                )
            if room > 20 and row.now:
                now.append(
                    (bar_x, middle - theme.text * 0.4, max(2.0, room * row.now / most), theme.text * 0.8)
                )
            told = f"{row.times:,} · {row.now:,} now" if row.now else f"{row.times:,}"
            at = bar_x + max(room * row.times / most, 2.0) + theme.text * 0.4 if room > 20 else bar_x
            words.add(at, y, told, theme.plain, ink, room=box.right - at)
        if left > 0:
            y += theme.line
            words.add(box.x, y, f"… {left + 1} more", theme.plain, theme.muted)
        self.bars.hold(bars)
        self.now.hold(now)
        self.lines.hold(lines)

    def _this(self, tape: Tape, index: int) -> Counter[tuple[str, str]]:
        try:
            return Counter(callers(tape.iteration(index).calls))
        except IndexError:
            return Counter()

    def _count(self, tape: Tape, index: int) -> Counter[tuple[str, str]]:
        """Pairs up to `index`: what was counted for an earlier position is not counted again."""
        first = max(tape.dropped, index + 1 - COUNTED)
        known = self._counted
        if known is None or known[0] is not tape or not (known[1] >= first and known[2] <= index + 1):
            self._pairs, known = Counter(), (tape, first, first)
        for at in range(known[2], index + 1):
            try:
                self._pairs.update(callers(tape.iteration(at).calls))
            except IndexError:  # the ring let it go meanwhile
                continue
        self._counted = (tape, known[1], max(known[2], index + 1))
        return self._pairs


def tree(pairs: Counter[tuple[str, str]], now: Counter[tuple[str, str]]) -> list[Row]:
    """Callees under their callers, from those that nobody recorded calls; what one calls is listed once."""
    below: dict[str, list[str]] = {}
    for caller, callee in pairs:
        below.setdefault(caller, []).append(callee)
    called = {callee for _, callee in pairs}
    rows: list[Row] = []
    listed: set[str] = set()

    def add(name: str, depth: int, count: int, here: int) -> None:
        again = name in listed and name in below
        rows.append(Row(name, depth, count, here, again))
        if again:
            return
        listed.add(name)
        for callee in below.get(name, ()):
            add(callee, depth + 1, pairs[name, callee], now[name, callee])

    for root in dict.fromkeys(caller for caller, _ in pairs if caller not in called):
        add(root, 0, 0, 0)
    return rows
