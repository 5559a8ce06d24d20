"""What does it cost as it grows? A measurement repeated over sizes: a frozen table with units and exponents.

    def waiting(n):                            # set up for one size, and yield the calls to compare
        with sockets(n) as fds:
            yield {"select": lambda: select.select(fds, [], [], 0), …}

    costs = sweep(waiting, sizes(10, 1000), of="fds")
    costs.exponent("select")                   # 0.97: the cost grows as n^0.97

The calls of one size are measured in turns, so that whatever else the machine does meets all of them. A sweep
ends by itself at its deadline, and when it is told to stop; what it has measured by then is kept. It knows
nothing of loops, figures or widgets.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import html
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any

from labkit import kernel
from labkit.tape import narrate

Calls = Mapping[str, Callable[[], Any]]
BATCH_NS = 1_000_000  # a quick call is timed in batches of at least this long
RETRIED_NS = 20_000_000  # a batch that took longer is not timed again
ATTEMPTS = 4
SPARE = 100  # fds that a sweep to the limit leaves for everybody else


def sweep(
    setup: Callable[[int], Iterator[Calls]],
    sizes: Sequence[int],
    *,
    of: str = "n",
    title: str = "",
    unit: str = "ns",
    repeats: int = 5,
    within: float = 10.0,
    reference: Mapping[str, Mapping[int, float]] | None = None,
    progress: Callable[[float, Sweep], None] | None = None,
    stop: threading.Event | None = None,
) -> Sweep:
    """Measure the calls that `setup(size)` yields, once it is set up, for every size; medians of `repeats`.

    `setup` is a generator: what follows its `yield` cleans up. In the unit "ns" the calls are timed, after
    one call to warm up; quick ones in batches, and a batch in which this thread was taken off the CPU is
    timed again. In any other unit a call is made once, and returns its own measurement. `of` names what the
    sizes count. `progress(fraction, sweep so far)` is called after every size. The sweep ends early, and
    says so in `ended`, after `within` seconds, when `stop` is set, and where the fd limit is met.
    """
    stop = threading.Event() if stop is None else stop
    until = time.monotonic() + within
    done = Sweep({}, of=of, title=title, unit=unit, reference=dict(reference or {}))
    for at, size in enumerate(sorted(set(sizes)), 1):
        try:
            with contextlib.contextmanager(setup)(size) as calls:
                measured, ended = _measure(calls, unit, repeats, until, stop)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            measured, ended = {}, _limit_met(size, of)
        if ended == TOO_LATE:
            ended = f"the deadline of {within:g} s came at {size:,} {of}"
        done = done.with_points(size, measured, ended)
        if progress is not None:
            progress(1.0 if ended else at / len(set(sizes)), done)
        if ended:
            break
    return done


def sizes(first: int, last: int) -> list[int]:
    """10, 30, 100, 300 … between `first` and `last`, and both of them: even steps on a log scale."""
    if not 1 <= first <= last:
        raise ValueError(f"sizes({first}, {last}): give 1 ≤ first ≤ last")
    steps = (digit * 10**power for power in range(len(str(last))) for digit in (1, 3))
    inner = [step for step in steps if first * 1.5 < step < last / 1.5]
    return sorted({first, *inner, last})


def fd_room(fds_each: int = 1) -> int:
    """How many things of `fds_each` fds this process can still open, with some to spare (getrlimit(2))."""
    return max(0, (kernel.fd_limit()[0] - len(kernel.open_fds()) - SPARE) // fds_each)


CANCELLED = "it was cancelled"
TOO_LATE = "deadline"


def _measure(
    calls: Calls, unit: str, repeats: int, until: float, stop: threading.Event
) -> tuple[dict[str, list[float]], str]:
    """The values of each call, and why the sweep has to end here, or ""."""
    values: dict[str, list[float]] = {name: [] for name in calls}
    batch = {name: _batch(call) for name, call in calls.items()} if unit == "ns" else {}
    for _ in range(repeats):
        for name, call in calls.items():
            if stop.is_set():
                return values, CANCELLED
            if time.monotonic() > until:
                return values, TOO_LATE
            values[name].append(_undisturbed(call, batch[name]) if batch else float(call()))
    return values, ""


def _batch(call: Callable[[], Any]) -> int:
    """Warm up, and say how many calls make a batch that the clock measures well."""
    first, _ = _time(call, 1)
    if first > RETRIED_NS:
        return 1
    number = min(10_000, max(1, round(BATCH_NS / max(100.0, _time(call, 1)[0]))))
    if number > 1:
        _time(call, number)  # for the processor's sake: its caches, its clock
    return number


def _undisturbed(call: Callable[[], Any], number: int) -> float:
    """ns of one call, from a batch in which this thread kept the CPU; else from the quickest of a few.

    The two clocks agree in such a batch. CPU time alone would not do: under load it was seen far too low.
    """
    found = []
    for _ in range(ATTEMPTS):
        wall, cpu = _time(call, number)
        found.append(wall)
        if wall < 1.1 * cpu or wall * number > RETRIED_NS:
            return wall
    return min(found)


def _time(call: Callable[[], Any], number: int) -> tuple[float, float]:
    """ns of one call on the clock and of CPU, from a batch; the garbage collector waits, as in timeit."""
    collects = gc.isenabled()
    gc.disable()
    try:
        cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
        for _ in repeat(None, number):
            call()
        wall, cpu = time.perf_counter_ns() - wall, time.thread_time_ns() - cpu
        return wall / number, cpu / number
    finally:
        if collects:
            gc.enable()


def _limit_met(size: int, of: str) -> str:
    soft, hard = kernel.fd_limit()
    more = f"; `ulimit -n {hard}` raises it" if soft < hard else ""
    return f"{size:,} {of} do not fit: a process here may have {soft:,} fds open (ulimit -n){more}"


# ---- the result ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Point:
    """One size: the median of what was measured there, the lowest and the highest."""

    size: int
    value: float
    low: float
    high: float


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

    def __getitem__(self, name: str) -> dict[int, float]:
        """{size: median} of one curve."""
        return {point.size: point.value for point in self.curves[name]}

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
        return sum((x - x0) * (y - y0) for x, y in points) / sum((x - x0) ** 2 for x, _ in points)

    def grows(self, name: str) -> str:
        """The exponent in words: `grows as n^0.99`."""
        exponent = self.exponent(name)
        if math.isnan(exponent):
            return "has too few sizes to say how it grows"
        return "does not grow" if abs(exponent) < 0.1 else f"grows as n^{exponent:.2f}"

    def amount(self, value: float) -> str:
        """A value with its unit."""
        if self.unit == "ns":
            return narrate.duration(round(value))
        whole = value >= 10 or float(value).is_integer()
        return f"{value:,.0f} {self.unit}" if whole else f"{value:.2g} {self.unit}"

    def with_points(self, size: int, measured: Mapping[str, Sequence[float]], ended: str = "") -> Sweep:
        """This sweep and one more size."""
        curves = dict(self.curves)
        for name, values in measured.items():
            if values:
                point = Point(size, _median(values), min(values), max(values))
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
        return " ".join(filter(None, lines))

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
        return [*table, ["grows as", *exponents, *("" for _ in compared)]]

    def __str__(self) -> str:
        table = self.rows()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in table]
        title = [self.title] if self.title else []
        return "\n".join([*title, *lines, *([f"Ended early: {self.ended}."] if self.ended else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        head, *body, exponents = self.rows()
        note = f"<p>Ended early: {html.escape(self.ended)}.</p>" if self.ended else ""
        return (
            f"<table><caption>{html.escape(self.title)}</caption><thead>{row(head, 'th')}</thead><tbody>"
            + "".join(row(cells, "td") for cells in body)
            + f"</tbody><tfoot>{row(exponents, 'th')}</tfoot></table>{note}"
        )


def _median(values: Sequence[float]) -> float:
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


# ---- the reference machine: Linux 6.18, 2 cores, CPython 3.11 --------------------------------------------


def _µs(*values: float | None, at: Sequence[int]) -> dict[int, float]:
    return {size: value * 1000 for size, value in zip(at, values, strict=True) if value is not None}


_FDS = (10, 100, 500, 1000, 5000, 19000)
ONE_READY = {
    "select": _µs(1.4, 6.5, 29, 60, None, None, at=_FDS),
    "poll": _µs(0.9, 5.2, 26, 49, 333, 5189, at=_FDS),
    "poll rebuilt": _µs(1.8, 13, 57, 124, 798, 6864, at=_FDS),
    "epoll": _µs(0.67, 0.67, 0.68, 0.68, 0.67, 0.68, at=_FDS),
}
ALL_READY = {
    "select": _µs(1.4, 6.7, 30, 66, at=_FDS[:4]),
    "poll": _µs(1.1, 7.6, 37, 82, 626, at=_FDS[:5]),
    "epoll": _µs(2.1, 15, 93, 171, 1312, at=_FDS[:5]),
}
TEN_MB = {  # 10 MB over TCP loopback, by recv size
    "calls": {64: 163_841, 512: 20_481, 1024: 10_242, 4096: 2570, 65536: 162},
    "time": _µs(170e3, 33e3, 18.5e3, 16e3, 6e3, at=(64, 512, 1024, 4096, 65536)),
}
