"""Several tapes under each other on one time axis: when each loop slept, what it tried, and its totals.

The time of a loop is cut into slices of a pixel or two, so that a million iterations cost no more than ten.
It knows tapes, and nothing of loops.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from labkit.charts.style import WIDE, Chart, Look, axes_in, beside, canvas, drawable, heading, look_of, words
from labkit.tape import narrate
from labkit.tape.tape import Tape

SLICES = 280
BREAK = 20_000_000  # ns between two iterations from which on the loop was stopped, and not only held up
BLOCKED = (errno.EAGAIN, errno.EWOULDBLOCK)


class Totals(NamedTuple):
    """What a loop did in all: how often it waited, what it called, and what that cost."""

    waits: int
    calls: int
    wasted: int  # calls that got EAGAIN
    asleep_ns: int
    cpu_ns: int

    def words(self) -> list[str]:
        wasted = f"{self.wasted:,} EAGAIN" if self.wasted else "no EAGAIN"
        return [
            f"{narrate.plural(self.waits, 'wait')}, {narrate.plural(self.calls, 'call')}",
            f"{wasted}, {narrate.duration(self.cpu_ns)} of CPU",
        ]


class Course(NamedTuple):
    """One tape over time: a slice's share asleep and awake, and how many calls it made, useful and wasted."""

    asleep: np.ndarray
    awake: np.ndarray
    useful: np.ndarray
    wasted: np.ndarray
    totals: Totals


def compare(
    tapes: Mapping[str, Tape], title: str = "on one time axis", *, look: str | Look = "screen"
) -> Chart:
    """A lane for each tape, from its own first iteration on, all on the scale of the longest.

    White is neither awake nor asleep: the loop was stopped, or the machine gave its thread no CPU.
    """
    style = look_of(look)
    tapes, title = drawable(tapes), drawable(title)
    scale = style.text / 14
    span = max((length(tape) for tape in tapes.values()), default=1)
    courses = {name: course(tape, span) for name, tape in tapes.items()}
    room = max((style.width(line) for each in courses.values() for line in each.totals.words()), default=0.0)
    tall = style.title + style.gap * 2 + len(courses) * style.line * 3 + style.line * 3.4
    figure = canvas(WIDE * scale, tall, style)
    heading(figure, style, title)
    top = style.gap * 2 + style.title
    left, right = beside(courses, style), room + style.gap * 2
    axes = axes_in(figure, style, left, top, right, tall - top - style.line * 3.2)
    for row, (name, each) in enumerate(courses.items()):
        _lane(axes, row, name, each, style)
    axes.set(xlim=(0, SLICES), ylim=(len(courses) - 0.25, -0.5), yticks=[])
    step = round_step(span / 5)
    ticks = range(0, span + 1, step)
    axes.set_xticks(
        [SLICES * at / span for at in ticks], [narrate.duration(at) if at else "0" for at in ticks]
    )
    _legend(axes, style)
    said = ". ".join(
        f"{name}: {', '.join(each.totals.words())}, asleep {narrate.duration(each.totals.asleep_ns)}"
        for name, each in courses.items()
    )
    return Chart(figure, f"{title}, {narrate.duration(span)} in all. {said}.")


def round_step(least: float) -> int:
    """The next 1, 2 or 5 times a power of ten."""
    power: int = 10 ** int(math.log10(max(least, 1)))
    return next(round(power * each) for each in (1, 2, 5, 10) if power * each >= least)


def length(tape: Tape) -> int:
    """Nanoseconds from the first iteration of a tape to the end of its last."""
    if not len(tape):
        return 1
    last = tape[-1]
    return max(1, last.at_ns + last.asleep_ns + last.awake_ns - tape[0].at_ns)


def course(tape: Tape, span: int) -> Course:
    """Cut a tape into slices of a whole of `span` nanoseconds."""
    edges: dict[str, list[tuple[int, int]]] = {"asleep": [], "awake": []}
    useful: list[int] = []
    wasted: list[int] = []
    began = tape[0].at_ns if len(tape) else 0
    asleep = cpu = calls = waits = 0
    woke = end = began
    for it in tape:
        if 0 < it.at_ns - end < BREAK and waits:
            edges["awake"][-1] = (edges["awake"][-1][0], it.at_ns - began)  # it did not wait: awake
        woke = it.at_ns + it.asleep_ns
        end = woke + it.awake_ns
        edges["asleep"].append((it.at_ns - began, woke - began))
        edges["awake"].append((woke - began, end - began))
        waits, asleep, cpu, calls = waits + 1, asleep + it.asleep_ns, cpu + it.cpu_ns, calls + len(it.calls)
        for call in it.calls:
            (wasted if call.errno in BLOCKED else useful).append(woke + call.at_ns - began)
    return Course(
        _covered(edges["asleep"], span),
        _covered(edges["awake"], span),
        np.histogram(np.array(useful, float), SLICES, (0, span))[0],
        np.histogram(np.array(wasted, float), SLICES, (0, span))[0],
        Totals(waits, calls, len(wasted), asleep, cpu),
    )


def _covered(spans: list[tuple[int, int]], whole: int) -> np.ndarray:
    """How much of each slice the spans cover, 0 to 1."""
    if not spans:
        return np.zeros(SLICES)
    starts, ends = np.array(spans, float).T
    grid = np.linspace(0, whole, SLICES + 1)

    def before(points: np.ndarray) -> np.ndarray:  # the sum over spans of how far each lies before each edge
        order = np.sort(points)
        sums = np.concatenate([[0.0], np.cumsum(order)])
        count = np.searchsorted(order, grid)
        below: np.ndarray = grid * count - sums[count]
        return below

    covered: np.ndarray = np.diff(before(starts) - before(ends)) / (whole / SLICES)
    share: np.ndarray = np.clip(covered, 0, 1)
    return share


def _lane(axes: Axes, row: int, name: str, each: Course, style: Look) -> None:
    at = np.arange(SLICES + 1)
    foot = row + 0.16
    asleep, awake = (np.append(share, share[-1]) for share in (each.asleep, each.awake))
    axes.fill_between(
        at,
        foot,
        foot - 0.42 * np.clip(asleep + awake, 0, 1),
        step="post",
        color=style.colours["asleep"],
        lw=0,
    )
    axes.fill_between(at, foot, foot - 0.42 * awake, step="post", color=style.colours["program"], lw=0)
    marks: dict[str, Any] = {"markersize": style.text * 0.42, "linestyle": "", "clip_on": False}
    some = np.flatnonzero(each.useful) + 0.5
    axes.plot(some, np.full(len(some), row - 0.36), "v", color=style.colours["ink"], **marks)
    none = np.flatnonzero(each.wasted) + 0.5
    axes.plot(none, np.full(len(none), row + 0.3), "x", color=style.colours["bad"], **marks)
    axes.annotate(
        name, (0, row - 0.04), (-style.gap * 0.5, 0), textcoords="offset points", ha="right", va="center",
        annotation_clip=False, **words(style, fontweight="bold"),
    )  # fmt: skip
    axes.annotate(
        "\n".join(each.totals.words()), (SLICES, row - 0.04), (style.gap * 0.5, 0),
        textcoords="offset points", va="center", linespacing=1.4, annotation_clip=False, **words(style),
    )  # fmt: skip


def _legend(axes: Axes, style: Look) -> None:
    """The key under the axis, each entry as it is drawn above."""
    entries = (
        ("s", style.colours["program"], "awake"),
        ("s", style.colours["asleep"], "asleep"),
        ("v", style.colours["ink"], "calls that moved something"),
        ("x", style.colours["bad"], "calls that got EAGAIN"),
    )
    for marker, colour, name in entries:
        axes.plot([], [], marker, color=colour, linestyle="", markersize=style.text * 0.55, label=name)
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=axes.transAxes, borderaxespad=2.2,
        ncols=len(entries), frameon=False, fontsize=style.text, labelcolor=style.colours["ink"],
        handletextpad=0.2,
        columnspacing=1.2,
    )  # fmt: skip
