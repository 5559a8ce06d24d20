"""Another tape beside a figure's own: its fd sets in the same columns, outlined where two iterations differ.

    LiveFigure(tape, "fd sets", Compared(tape, other, "with epoll"))

The tapes are aligned where they part (tape.diff): that iteration of the one stands under that of the other.
It knows two tapes, and nothing of the loops that wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from labkit.figure.layout import Place, window
from labkit.figure.marks import Mark, Part
from labkit.figure.panels.fd_sets import FdSets, Rows
from labkit.figure.panels.panel import Scene, kept
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape
from labkit.tape.turn import Call, Event


class Compared(FdSets):
    """The fd sets of `other` at the position of the figure; an outline where it is not as `tape` was.

    Make it when both tapes are whole: where they part is looked for once. A number that the kernel chose,
    such as a connection's fd or port, makes no difference.
    """

    name = "compared"

    def __init__(self, tape: Tape, other: Tape, called: str = "the other tape") -> None:
        self.tape, self.other = tape, other
        self.title = f"fd sets of {called}; outlined where they differ"  # type: ignore[misc]
        parts = tape.diff(other)
        self._from = parts.other_index if parts else None  # None: theirs has ended there, or never parts
        both = parts is not None and parts.index is not None and parts.other_index is not None
        self._shift = parts.other_index - parts.index if both else 0  # type: ignore[operator, union-attr]

    def heights(self, scene: Scene, wide: float, count: int) -> tuple[float, float]:
        return super().heights(self._theirs(scene), wide, count)

    def parts(self, scene: Scene, place: Place) -> Iterator[Part]:
        yield from super().parts(self._theirs(scene), place)

    def _theirs(self, scene: Scene) -> Scene:
        at = scene.index + self._shift
        return Beside(self.other, at, kept(self.other, at), scene.call, None, None, (), None, self._shift)

    def _column(self, turn: Iteration, calls: Sequence[Call], rows: Rows) -> list[Mark]:
        marks = super()._column(turn, calls, rows)
        if self._from is None or turn.index < self._from:
            return marks
        if what := difference(kept(self.tape, turn.index - self._shift), turn):
            box = 0, -3, rows.step, rows.high * len(rows.fds) + 6
            text = f"iteration {turn.index:,} differs: {what}"
            marks.append(self.box("differs", "", box, iteration=turn.index, text=text))
        return marks


@dataclass(frozen=True, slots=True)
class Beside(Scene):
    """A scene whose columns stand under those of a tape whose indices are `shift` lower."""

    shift: int = 0

    def column(self, count: int) -> tuple[int, list[Iteration | None]]:
        first = window(max(0, self.index - self.shift), count) + self.shift
        return first, [kept(self.tape, at) for at in range(first, first + count)]


def difference(one: Iteration | None, other: Iteration) -> str:
    """What differs between two iterations; "" if their interest sets, ready sets and calls are the same."""
    if one is None:
        return "the other tape has no such iteration"
    pairs = {
        "interest sets": (_named(one, one.interest), _named(other, other.interest)),
        "ready sets": (_named(one, one.ready), _named(other, other.ready)),
        "calls": (_called(one), _called(other)),
    }
    return ", ".join(name for name, (ours, theirs) in pairs.items() if ours != theirs)


def _named(it: Iteration, events: Mapping[int, Event]) -> list[tuple[str, int]]:
    return sorted((_who(it, fd), int(event)) for fd, event in events.items())


def _called(it: Iteration) -> list[tuple[object, ...]]:
    """Calls by name; what accept gives is a number that the kernel chose."""
    return [
        (_who(it, call.fd), call.name, call.arg, call.name == "accept" or call.result, call.errno)
        for call in it.calls
    ]


def _who(it: Iteration, fd: int) -> str:
    return re.sub(r" (:\d+|\d+)$", "", it.name(fd))
