"""The axis of iterations that panels share: numbers, the band over the current one, flags for findings.

It knows columns and findings, and not what stands in the columns.
"""

from __future__ import annotations

from collections.abc import Iterator

from labkit.figure.layout import Columns, room
from labkit.figure.marks import Mark, Part
from labkit.figure.panels.panel import Finding, Panel, Scene
from labkit.figure.theme import LINE

EVERY = 8  # iterations from number to number
FLAG = 6  # pixels of a finding's flag


def axis(panel: Panel, scene: Scene, grid: Columns, top: float, foot: float) -> Iterator[Part]:
    """The band from `top` to `foot`, and numbers and findings under it."""
    of = scene.index, grid, top, foot
    yield Part("band", 0, 0, of, lambda: _band(panel, scene.index, grid, top, foot))
    yield Part("numbers", 0, 0, of, lambda: _numbers(panel, scene.index, grid, foot))
    near = tuple(f for f in scene.findings if f.last >= grid.first and f.first < grid.first + grid.count)
    yield Part("findings", 0, 0, (near, *of), lambda: [_flag(panel, f, grid, foot + LINE + 1) for f in near])


def _band(panel: Panel, index: int, grid: Columns, top: float, foot: float) -> list[Mark]:
    if not grid.first <= index < grid.first + grid.count:
        return []
    box = grid.x(index), top - 3, grid.step, foot - top + 6
    return [panel.box("band", "", box, iteration=index, text=f"iteration {index:,}")]


def _numbers(panel: Panel, index: int, grid: Columns, foot: float) -> list[Mark]:
    marks = [_number(panel, index, grid, foot, "current")] if index >= grid.first else []
    taken = [mark.box for mark in marks]
    for number in range(
        grid.first + -grid.first % EVERY, grid.first + grid.count if index >= 0 else 0, EVERY
    ):
        mark = _number(panel, number, grid, foot, "")
        left, wide = mark.box[0], mark.box[2]
        if number != index and all(left + wide + 6 < x or x + w + 6 < left for x, _, w, _ in taken):
            marks.append(mark)
    return marks


def _number(panel: Panel, number: int, grid: Columns, foot: float, state: str) -> Mark:
    text = f"{number:,}"
    wide = room(text, "bold") + 2
    x = max(grid.x(number) + (grid.step - wide) / 2, grid.x(grid.first))  # not over what names the rows
    x = min(x, grid.right + grid.step - wide)
    return panel.says("number", state, x, foot + 1, wide, text, iteration=number)


def _flag(panel: Panel, finding: Finding, grid: Columns, y: float) -> Mark:
    first, last = max(finding.first, grid.first), min(finding.last, grid.first + grid.count - 1)
    box = grid.x(first) + 1, y, (last - first + 1) * grid.step - 2, FLAG
    return panel.box(
        "finding",
        finding.rule,
        box,
        fd=finding.fd,
        iteration=finding.first,
        value=finding.last,
        text=finding.text,
    )
