"""What a sweep has measured: curves over sizes, with units and exponents; printed, a table.

    costs = sweep(waiting, sizes(10, 1000), of="fds")
    costs.exponent("select")                   # 0.97: the cost grows as n^0.97

It knows numbers and their names; nothing of how they were measured, and nothing of figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import labkit.measure.html as html
from labkit.tape.narrate import duration
from labkit.tape.text import printable


@dataclass(frozen=True, slots=True)
class Point:
    """One size: the median of what was measured there, the lowest and the highest."""

    size: int
    value: float
    low: float
    high: float


class Medians(dict[int, float]):
    """{size: median} of one curve; asked for a size that it has not got, it says why."""

    why = ""

    def __missing__(self, size: int) -> float:
        raise LookupError(f"{size:,}: not measured{self.why}")


@dataclass(frozen=True, slots=True)
class Sweep:
    """The measured curves by name, in `unit`, over sizes that count `of`; printed, a table.

    `reference` holds values of another machine to compare with, by name and size. `ended` says why a sweep
    ended before its last size, or is empty.
    """

    curves: Mapping[str, tuple[Point, ...]]
    of: str = "n"
    title: str = ""
    unit: str = "ns"
    reference: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    ended: str = ""

    @property
    def sizes(self) -> list[int]:
        return sorted({point.size for points in self.curves.values() for point in points})

    def __getitem__(self, name: str) -> Medians:
        """{size: median} of one curve."""
        points = self.curves.get(name, ()) if self.ended else self.curves[name]
        found = Medians((point.size, point.value) for point in points)
        if self.ended:
            found.why = f"; {self.ended}. Run the cell again, with more time: within=…"
        return found

    def exponent(self, name: str, since: int = 0, until: int | None = None) -> float:
        """The k of n^k that fits a curve best: the slope of a straight line on log-log axes.

        Fitted to the sizes from `since` to `until`; by default to the upper half of the axis, where what a
        call costs in any case no longer hides what each more costs. nan for fewer than two sizes.
        """
        points = [
            (math.log(p.size), math.log(p.value))
            for p in self.curves[name]
            if p.value > 0 and since <= p.size <= (until or p.size)
        ]
        if not since and points:
            middle = (points[0][0] + points[-1][0]) / 2
            upper = [p for p in points if p[0] >= middle]
            points = upper if len(upper) > 2 else points[-3:]
        if len(points) < 2:
            return math.nan
        x0, y0 = (sum(axis) / len(points) for axis in zip(*points, strict=True))
        slope: float = sum((x - x0) * (y - y0) for x, y in points) / sum((x - x0) ** 2 for x, _ in points)
        return slope

    def grows(self, name: str) -> str:
        """The exponent in words: `grows as n^0.99`."""
        exponent = self.exponent(name)
        if math.isnan(exponent):
            return "has too few sizes to say how it grows"
        return "does not grow" if abs(exponent) < 0.1 else f"grows as n^{exponent:.2f}"

    def amount(self, value: float) -> str:
        """A value with its unit."""
        if self.unit == "ns":
            return duration(round(value))
        whole = value >= 10 or float(value).is_integer()
        return f"{value:,.0f} {self.unit}" if whole else f"{value:.2g} {self.unit}"

    def with_points(self, size: int, measured: Mapping[str, Sequence[float]], ended: str = "") -> Sweep:
        """This sweep and one more size."""
        curves = dict(self.curves)
        for name, values in measured.items():
            if values:
                point = Point(size, median(values), min(values), max(values))
                curves[name] = (*curves.get(name, ()), point)
        return replace(self, curves=curves, ended=ended)

    def summary(self) -> str:
        """The curves in sentences: the alt text of their figure."""
        lines = [self.title + "." if self.title else ""]
        for name, points in self.curves.items():
            first, last = points[0], points[-1]
            lines.append(
                f"{name}: {self.amount(first.value)} at {first.size:,} {self.of}, "
                f"{self.amount(last.value)} at {last.size:,}; {self.grows(name)}."
            )
        lines += [f"It ended early: {self.ended}."] if self.ended else []
        return printable(" ".join(filter(None, lines)))

    def rows(self) -> list[list[str]]:
        """The table as text: a header, a row for each size, and the exponents."""
        names = list(self.curves)
        compared = [name for name in names if self.reference.get(name)]
        head = [self.of, *names, *(f"{name} (reference)" for name in compared)]
        table = [head]
        for size in self.sizes:
            own = [self[name].get(size) for name in names]
            other = [self.reference[name].get(size) for name in compared]
            table.append([f"{size:,}", *("–" if v is None else self.amount(v) for v in (*own, *other))])
        exponents = ["–" if math.isnan(k := self.exponent(name)) else f"n^{k:.2f}" for name in names]
        table.append(["grows as", *exponents, *("" for _ in compared)])
        return [list(map(printable, row)) for row in table]

    def __str__(self) -> str:
        table = self.rows()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in table]
        above = [printable(self.title)] if self.title else []
        return "\n".join(
            [*above, *lines, *([printable(f"Ended early: {self.ended}.")] if self.ended else [])]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = ([html.text(cell) for cell in row] for row in self.rows())
        note = f"<p>{html.text(f'Ended early: {self.ended}.')}</p>" if self.ended else ""
        return html.table(head, body, self.title) + note
