"""A row of the table: one thing measured, or two in turn, several whole times; and whether a bar is met.

A ratio whose repetitions differ too much is not stated: a number that does not come out again says nothing.
It knows numbers, and nothing of what was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, NamedTuple

REPETITIONS = 3
SPREAD_AT_MOST = 0.15  # (highest − lowest) / median of the repetitions
LEAST = "the questions to the kernel alone"  # such a row says what recording costs at the least
Pair = tuple[float, float]


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


class Measure(NamedTuple):
    """A row that is still to be measured: `once()` does it one whole time, `row(found)` makes the row."""

    what: str
    once: Callable[[], Any]
    row: Callable[[list[Any]], Row]
    bar: float | None


def compared(what: str, once: Callable[[], Pair], bar: float | None = None, unit: str = "ns") -> Measure:
    """A ratio: `once()` returns (ours, theirs), measured in turn."""

    def row(found: list[Pair]) -> Row:
        found = sorted(found, key=lambda pair: pair[0] / pair[1])
        ours, theirs = found[len(found) // 2]
        ratios = [ours / theirs for ours, theirs in found]
        return _row(what, f"{ours:,.0f} {unit}", f"{theirs:,.0f} {unit}", ratios, bar)

    return Measure(what, once, row, bar)


def valued(what: str, once: Callable[[], float], bar: float | None = None, unit: str = "ms") -> Measure:
    """A value of one thing: `once()` returns it."""
    return Measure(what, once, lambda found: _row(what, f"{median(found):,.1f} {unit}", "", found, bar), bar)


def not_measured(what: str, why: str, bar: float | None = None) -> Row:
    """A row that says why it has no number."""
    return Row(what, "", "", None, bar, None, 0.0, f"not measured: {why}")


def measured(measures: Iterable[Measure]) -> list[Row]:
    """The rows, from whole repetitions of all of them: the machine of a minute later measures each again."""
    found: dict[Measure, list[Any]] = {each: [] for each in measures}
    wrong: dict[Measure, str] = {}
    for _ in range(REPETITIONS):
        for each in found:
            if each in wrong:
                continue
            try:
                found[each].append(each.once())
            except Exception as error:
                wrong[each] = str(error).strip().splitlines()[-1] if str(error) else type(error).__name__
    return [
        not_measured(each.what, wrong[each], each.bar) if each in wrong else each.row(values)
        for each, values in found.items()
    ]


def _row(what: str, ours: str, theirs: str, values: list[float], bar: float | None) -> Row:
    middle = median(values)
    spread = (max(values) - min(values)) / middle
    if spread > SPREAD_AT_MOST:
        said = ", ".join(f"{value:.2f}" for value in values)
        return Row(what, ours, theirs, None, bar, None, round(spread, 3), f"does not repeat: {said}")
    met = None if bar is None else middle <= bar
    return Row(what, ours, theirs, round(middle, 3), bar, met, round(spread, 3))
