"""How tests read a drawing: marks by kind, where they stand, and what the tape would have them say."""

from __future__ import annotations

import errno
from collections import defaultdict
from typing import Any

from labkit.figure.drawing import Sheet
from labkit.figure.marks import Mark
from labkit.figure.panels import PANELS
from labkit.tape.iteration import Iteration

from .written import Written

READ, WRITE, EXCEPT = 1, 2, 4


def drawn(tape: Written, index: int, *panels: str, width: float = 1000, **at: Any) -> list[Mark]:
    names = panels or ("fd sets", "calls", "buffers", "time")
    height = at.pop("height", None)
    findings = at.pop("findings", ())
    sheet = Sheet(tape, [PANELS[name]() for name in names], findings=findings, height=height)
    return sheet.draw(index, width=width, **at).marks()


def of(marks: list[Mark], kind: str, state: str | None = None) -> list[Mark]:
    return [mark for mark in marks if mark.kind == kind and state in (None, mark.state)]


def middle(mark: Mark) -> tuple[float, float]:
    x, y, w, h = mark.box
    return x + w / 2, y + h / 2


def strongest(it: Iteration, fd: int, bit: int, made: int | None = None) -> str | None:
    """What a cell has to say, from the iteration's own fields."""
    called = it.calls if made is None else it.calls[:made]
    for call in called:
        waits_for = WRITE if call.name.startswith("send") else READ
        if call.fd == fd and call.errno == errno.EAGAIN and waits_for == bit:
            return "eagain"
    if it.ready.get(fd, 0) & bit:
        return "ready"
    return "asked" if it.interest.get(fd, 0) & bit else None


def lines(marks: list[Mark]) -> list[str]:
    """What is written, line by line, from left to right."""
    rows: dict[float, list[Mark]] = defaultdict(list)
    for mark in marks:
        if mark.text and mark.kind not in ("band",):
            rows[middle(mark)[1]].append(mark)
    return [" ".join(m.text for m in sorted(row, key=lambda m: m.box[0])) for _, row in sorted(rows.items())]
