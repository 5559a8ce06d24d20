"""A row of the table: two things measured in turn, several whole times, and whether a bar is met.

A ratio whose repetitions differ too much is not stated: a number that does not come out again says nothing.
It knows numbers, and nothing of what was measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

REPETITIONS = 3
SPREAD_AT_MOST = 0.15  # (highest − lowest) / median of the repetitions


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` and `theirs` with their unit, as text; `ratio` (or a plain value) of the median repetition.

    `bar` is what it may be at most, None for a number that is there for comparison. `spread` is the distance
    of the repetitions over their median. `ratio` and `met` are None where they are not stated; `why` says so.
    """

    what: str
    ours: str
    theirs: str
    ratio: float | None
    bar: float | None
    met: bool | None
    spread: float
    why: str = ""

    def json(self) -> dict[str, Any]:
        """The row as results.json has it."""
        return asdict(self)


def compared(
    what: str, once: Callable[[], tuple[float, float]], bar: float | None = None, unit: str = "ns"
) -> Row:
    """A row from whole repetitions of `once()`, each of which returns (ours, theirs) measured in turn."""
    found = sorted((once() for _ in range(REPETITIONS)), key=lambda pair: pair[0] / pair[1])
    ratios = [ours / theirs for ours, theirs in found]
    ours, theirs = found[len(found) // 2]
    return _row(what, f"{ours:,.0f} {unit}", f"{theirs:,.0f} {unit}", ratios, bar)


def valued(what: str, once: Callable[[], float], bar: float | None = None, unit: str = "ms") -> Row:
    """A row of one thing, from whole repetitions of `once()`."""
    values = sorted(once() for _ in range(REPETITIONS))
    return _row(what, f"{median(values):,.1f} {unit}", "", values, bar)


def not_measured(what: str, why: str, bar: float | None = None) -> Row:
    """A row that says why it has no number."""
    return Row(what, "", "", None, bar, None, 0.0, why)


def _row(what: str, ours: str, theirs: str, values: list[float], bar: float | None) -> Row:
    middle = median(values)
    spread = (max(values) - min(values)) / middle
    if spread > SPREAD_AT_MOST:
        said = ", ".join(f"{value:.2f}" for value in values)
        return Row(what, ours, theirs, None, bar, None, round(spread, 3), f"does not repeat: {said}")
    met = None if bar is None else middle <= bar
    return Row(what, ours, theirs, round(middle, 3), bar, met, round(spread, 3))
