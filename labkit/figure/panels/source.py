"""The source that an iteration ran: the function, the line that is about to run, and what its variables hold.

The lines come with the Scene; the panel keeps none, and moves none.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labkit.figure.layout import Place, room
from labkit.figure.marks import Mark, Part
from labkit.figure.panels.panel import HEAD, Panel, Scene
from labkit.figure.theme import GAP, LINE

BESIDE = 620  # pixels from which on the values stand beside the source, not under it
LISTED, VALUES = 14, 6  # lines of source, and of values under it
GUTTER = 50  # the line's number, and the arrow


class SourceLines(Panel):
    """The lines that are about to run one after another, with values; those that changed are marked.

    `traced` is what a block of labkit.trace.tracing kept, {index: Source}, for the figure to show.
    """

    name = "source"
    title = "source"
    column = "left"

    def __init__(self, traced: Mapping[int, Any] | None = None) -> None:
        self.traced: Mapping[int, Any] = {} if traced is None else traced

    def heights(self, scene: Scene, wide: float, count: int) -> tuple[float, float]:
        under = 0 if wide >= BESIDE else VALUES
        return HEAD + (7 + under) * LINE, HEAD + (LISTED + 1 + under) * LINE

    def parts(self, scene: Scene, place: Place) -> Iterator[Part]:
        of = scene.index, id(scene.source), scene.line, scene.call, place.w, place.h
        yield Part("lines", place.x, place.y, of, lambda: self._lines(scene, place))

    def _lines(self, scene: Scene, place: Place) -> list[Mark]:
        source = scene.source
        at = at_of(scene)
        if at is None:
            why = (
                "No iteration is recorded yet."
                if scene.it is None
                else f"Iteration {scene.index:,} ran untraced."
            )
            return [self.heading(place), self.says("text", "muted", 0, HEAD, place.w, why)]
        line = source.lines[at]
        taken = min(place.w * 0.6, room(line.function, "title") + 12)
        where = f"{os.path.basename(line.filename)}:{line.lineno}   line {at + 1} of {len(source)}"
        marks = [
            self.heading(place, line.function, taken),
            self.says("text", "muted", taken, 1, place.w - taken, where),
            self.says("text", "outcome", 0, HEAD, place.w, " › ".join(chain(source.lines, at))),
        ]
        beside = place.w >= BESIDE
        wide = round(place.w * 0.62) if beside else place.w
        top = HEAD + LINE
        fits = int((place.h - top) // LINE) - (0 if beside else VALUES)
        marks += self._listing(source, at, wide, top, fits)
        left, y = (wide + GAP, top) if beside else (0.0, top + fits * LINE)
        most = fits if beside else VALUES
        return [*marks, *self._values(source.lines, at, left, y, place.w - left, most)]

    def _listing(self, source: Any, at: int, wide: float, top: float, fits: int) -> Iterator[Mark]:
        line = source.lines[at]
        first, rows = source.text_of(line)
        most = int((wide - GUTTER) // room("m", "mono"))
        start = max(0, min(line.lineno - first - fits // 2, len(rows) - fits))
        ran = {(each.filename, each.function, each.lineno) for each in source.lines[:at]}
        if not rows:
            yield self.says("text", "muted", 0, top, wide, "Its source cannot be read.")
        for number, row in enumerate(rows[start : start + fits], first + start):
            y = top + (number - first - start) * LINE
            current = number == line.lineno
            if current:
                yield self.box(
                    "band", "line", (0, y, wide, LINE), value=number, text=f"about to run line {number}"
                )
                yield self.says("text", "bad", 0, y, 14, "▶")
            state = "mono bold" if current else "mono"
            if not current and (line.filename, line.function, number) not in ran:
                state = "mono muted"
            yield self.says("label", "muted", 8, y, GUTTER - 18, str(number))
            row = row if len(row) <= most else f"{row[: most - 1]}…"  # code is cut at its end
            yield self.says("source", state, GUTTER, y, wide - GUTTER, row, value=number)

    def _values(
        self, lines: Sequence[Any], at: int, left: float, top: float, wide: float, most: int
    ) -> Iterator[Mark]:
        line, before = lines[at], earlier(lines, at)
        rows = [
            (f"{name} = {value}", "changed" if before.get(name, value) != value else "")
            for name, value in line.values
        ]
        if line.returns is not None:
            rows.insert(0, (line.returns, "raised" if line.returns.startswith("raises") else ""))
        if len(rows) > most > 0:
            rows = [*rows[: most - 1], (f"… {len(rows) - most + 1} more", "")]
        for number, (text, state) in enumerate(rows[:most]):
            yield self.says("variable", state, left, top + number * LINE, wide, text)


def at_of(scene: Scene) -> int | None:
    """The number of the line that is shown: the one asked for, or the one that made the call that was."""
    if scene.source is None or not scene.source.lines:
        return None
    if scene.line is not None:
        return scene.line
    if scene.call is None:
        return 0
    made = [
        n for n, line in enumerate(scene.source.lines) if line.calls is not None and line.calls < scene.call
    ]
    return made[-1] if made else 0


def chain(lines: Sequence[Any], at: int) -> list[str]:
    """The functions that called one another to get to a line, outermost first."""
    found: list[str] = []
    depth = lines[at].depth
    for line in reversed(lines[: at + 1]):
        if line.depth == depth:
            found.append(line.function.rpartition(".")[2])
            depth -= 1
    return found[::-1]


def earlier(lines: Sequence[Any], at: int) -> dict[str, str]:
    """What the variables of a line's function held when its line before was about to run."""
    here = lines[at]
    for line in reversed(lines[:at]):
        if line.depth < here.depth:
            break
        if (line.depth, line.function) == (here.depth, here.function):
            return dict(line.values)
    return {}
