"""The curves of a sweep on log-log axes, where a power of n is a straight line and its exponent the slope.

It draws what a Sweep holds, however little that is yet, so the same picture serves while it is measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from labkit.charts.palette import series
from labkit.charts.style import WIDE, Chart, Look, apart, axes_in, canvas, drawable, heading, look_of, words
from labkit.measure.costs import Point, Sweep

TALL = 430
MARKERS = "osD^vP"
DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (8, 2, 2, 2)), "-", (0, (4, 2)))


def curves(sweep: Sweep, *, sizes: Sequence[int] = (), look: str | Look = "screen") -> Chart:
    """The sweep as a chart: filled marks are measured here, hollow ones come from the reference machine.

    `sizes` are those that are going to be measured: they keep the axis still while the curves grow.
    """
    style = look_of(look)
    said = {name: drawable(getattr(sweep, name)) for name in ("curves", "of", "title", "unit", "reference")}
    sweep = replace(sweep, **said)
    scale = style.text / 14
    figure = canvas(WIDE * scale, TALL * scale, style)
    heading(figure, style, sweep.title)
    labels = {name: f"{name}  {_slope(sweep, name)}" for name in sweep.curves}
    right = max([80.0, *(style.width(label, bold=True) for label in labels.values())]) + 16 + style.gap
    decades = [style.width(sweep.amount(decade)) for decade in _decades(sweep)]
    left = 44 * scale + max([72.0 * scale, *decades])
    top = style.gap * 2 + style.title
    axes = axes_in(figure, style, left, top, right, (TALL - 58) * scale - top)
    axes.set(xscale="log", yscale="log")
    colours = series(sweep.curves)
    ends = []
    for at, (name, points) in enumerate(sweep.curves.items()):
        look_of_it: dict[str, Any] = {"color": colours[name], "marker": MARKERS[at % 6], "markersize": 8}
        _curve(axes, points, style, DASHES[at % 6], look_of_it)
        _reference(axes, sweep, name, look_of_it)
        ends.append((name, points[-1], colours[name]))
    _limits(axes, [*sweep.sizes, *sizes], sweep)
    _guide(axes, style)
    _label(axes, ends, labels, style)
    _ticks(axes, sweep, style)
    return Chart(figure, sweep.summary() or "Nothing is measured yet.")


def _curve(axes: Axes, points: Sequence[Point], style: Look, dashes: Any, look: dict[str, Any]) -> None:
    x, y = [p.size for p in points], [max(p.value, 1e-9) for p in points]
    spread = [[p.value - p.low for p in points], [p.high - p.value for p in points]]
    axes.errorbar(x, y, spread, fmt="none", ecolor=look["color"], elinewidth=1, alpha=0.6)
    axes.plot(x, y, linestyle=dashes, linewidth=2, markeredgecolor=style.colours["ground"], **look)


def _reference(axes: Axes, sweep: Sweep, name: str, look: dict[str, Any]) -> None:
    known = sweep.reference.get(name, {})
    axes.plot(
        list(known), list(known.values()), linestyle="none", markerfacecolor="none",
        **{**look, "markersize": 11}, zorder=1,
    )  # fmt: skip


def _limits(axes: Axes, sizes: Sequence[int], sweep: Sweep) -> None:
    axes.set_autoscale_on(False)
    if sizes:
        axes.set_xlim(min(sizes) / 1.25, max(sizes) * 1.25)
    values = [p.value for points in sweep.curves.values() for p in points if p.value > 0]
    values += [
        value
        for name in sweep.curves
        for size, value in sweep.reference.get(name, {}).items()
        if not sizes or size <= max(sizes)
    ]
    if values:
        low, high = min(values) / 1.6, max(values) * 1.6
        if high / low < 12:
            middle = math.sqrt(low * high)
            low, high = middle / 4, middle * 4
        axes.set_ylim(low, high)


def _guide(axes: Axes, style: Look) -> None:
    """Thin lines of slope 1: what is O(n) runs beside them."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    decade = math.floor(math.log10(low / right))
    while 10.0**decade < high / left:
        factor = 10.0**decade
        line = [left, right], [factor * left, factor * right]
        axes.plot(*line, ":", color=style.colours["pale"], lw=1.2, zorder=0)
        decade += 1
    axes.set(xlim=(left, right), ylim=(low, high))


def _label(axes: Axes, ends: Sequence[tuple[str, Point, str]], labels: dict[str, str], style: Look) -> None:
    """Each curve's name and exponent beside its last point, moved apart where they would touch."""
    spots = [(p.size, max(p.value, 1e-9)) for _, p, _ in ends]
    tall = axes.get_window_extent().height
    to_axes = (axes.transData + axes.transAxes.inverted()).transform
    heights = apart([float(to_axes(spot)[1]) for spot in spots], style.line / tall)
    for (name, _, colour), spot, height in zip(ends, spots, heights, strict=True):
        axes.annotate(
            labels[name], spot, (1.02, height), textcoords="axes fraction", va="center",
            annotation_clip=False, **words(style, fontweight="bold"),
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 1, "shrinkA": 2, "shrinkB": 6},
        )  # fmt: skip


def _ticks(axes: Axes, sweep: Sweep, style: Look) -> None:
    left, right = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if right < 40 * left else (1,)))
    axes.yaxis.set_major_locator(LogLocator(10, numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else ""))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: sweep.amount(value)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    axes.grid(True, color=style.colours["place"], linewidth=1, zorder=-1)
    hollow = any(sweep.reference.get(name) for name in sweep.curves)
    hint = ";  hollow marks: the reference machine" if hollow else ""
    axes.set_xlabel(f"{sweep.of}, log scale   (dotted lines rise as n^1{hint})", labelpad=8)
    axes.set_ylabel("log scale")


def _decades(sweep: Sweep) -> list[float]:
    """The powers of ten that can stand on the y axis."""
    values = [p.value for points in sweep.curves.values() for p in points if p.value > 0]
    return [10.0 ** math.floor(math.log10(value) + 0.3) for value in values]


def _slope(sweep: Sweep, name: str) -> str:
    exponent = sweep.exponent(name)
    return "" if math.isnan(exponent) else f"n^{exponent:.2f}"
