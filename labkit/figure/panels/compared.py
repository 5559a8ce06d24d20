"""Another tape beside a figure's own: its fd sets in the same columns, outlined where two iterations differ.

    LiveFigure(tape, "fd sets", Compared(tape, other, "with epoll"))

It knows two tapes, and nothing of the loops that wrote them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labkit.figure.layout import Place
from labkit.figure.marks import Mark, Part
from labkit.figure.panels.fd_sets import FdSets, Rows
from labkit.figure.panels.panel import Scene, kept
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape
from labkit.tape.turn import Call


class Compared(FdSets):
    """The fd sets of `other` at the position of the figure; an outline where it is not as `tape` was."""

    name = "compared"

    def __init__(self, tape: Tape, other: Tape, called: str = "the other tape") -> None:
        self.tape, self.other = tape, other
        self.title = f"fd sets of {called}; outlined where they differ"  # type: ignore[misc]

    def heights(self, scene: Scene, wide: float, count: int) -> tuple[float, float]:
        return super().heights(self._theirs(scene), wide, count)

    def parts(self, scene: Scene, place: Place) -> Iterator[Part]:
        yield from super().parts(self._theirs(scene), place)

    def _theirs(self, scene: Scene) -> Scene:
        return Scene.of(self.other, scene.index, scene.call, None, None, ())

    def _column(self, turn: Iteration, calls: Sequence[Call], rows: Rows) -> list[Mark]:
        marks = super()._column(turn, calls, rows)
        if what := difference(kept(self.tape, turn.index), turn):
            box = 0, -3, rows.step, rows.high * len(rows.fds) + 6
            text = f"iteration {turn.index:,} differs: {what}"
            marks.append(self.box("differs", "", box, iteration=turn.index, text=text))
        return marks


def difference(one: Iteration | None, other: Iteration) -> str:
    """What differs between two iterations; "" if their interest sets, ready sets and calls are the same."""
    if one is None:
        return "the other tape has no such iteration"
    pairs = {
        "interest sets": (one.interest, other.interest),
        "ready sets": (one.ready, other.ready),
        "calls": ([call[:5] for call in one.calls], [call[:5] for call in other.calls]),
    }
    return ", ".join(name for name, (ours, theirs) in pairs.items() if ours != theirs)
