"""The curves of a sweep on log-log axes, where a power of n is a straight line and its exponent the slope.

It draws what a Sweep holds, however little that is yet, so the same picture serves while it is measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from labkit.charts.charts import DASHES, MARKERS, WIDE, Chart, apart, canvas, colours, frame
from labkit.charts.ink import width
from labkit.charts.theme import Theme, theme
from labkit.measure.costs import Point, Sweep

TALL = 430


def curves(sweep: Sweep, *, sizes: Sequence[int] = (), look: str | Theme = "screen") -> Chart:
    """The sweep as a chart: filled marks are measured here, hollow ones come from the reference machine.

    `sizes` are those that are going to be measured: they keep the axis still while the curves grow.
    """
    style = theme(look)
    scale = style.text / 14
    figure = canvas(WIDE * scale, TALL * scale, style)
    labels = {name: f"{name}  {_slope(sweep, name)}" for name in sweep.curves}
    right = max([80.0, *(width(label, style.bold) for label in labels.values())]) + 16
    left = 20 + max([72.0 * scale, *(width(sweep.amount(decade), style.plain) for decade in _decades(sweep))])
    axes = frame(figure, style, sweep.title, left=left, foot=58 * scale, right=right)
    axes.set(xscale="log", yscale="log")
    ends = []
    for at, (name, points) in enumerate(sweep.curves.items()):
        colour = colours(style)[at % 6]
        look_of: dict[str, Any] = {"color": colour, "marker": MARKERS[at % 6], "markersize": 8}
        _curve(axes, points, style, DASHES[at % 6], look_of)
        _reference(axes, sweep, name, look_of)
        ends.append((name, points[-1], colour))
    _limits(axes, [*sweep.sizes, *sizes], sweep)
    _guide(axes, style)
    _label(axes, ends, labels, style)
    _ticks(axes, sweep, style)
    return Chart(figure, sweep.summary() or "Nothing is measured yet.")


def _curve(axes: Axes, points: Sequence[Point], style: Theme, dashes: Any, look: dict[str, Any]) -> None:
    x, y = [p.size for p in points], [max(p.value, 1e-9) for p in points]
    spread = [[p.value - p.low for p in points], [p.high - p.value for p in points]]
    axes.errorbar(x, y, spread, fmt="none", ecolor=look["color"], elinewidth=1, alpha=0.6)
    axes.plot(x, y, linestyle=dashes, linewidth=2, markeredgecolor=style.ground, **look)


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


def _guide(axes: Axes, style: Theme) -> None:
    """Thin lines of slope 1: what is O(n) runs beside them."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    decade = math.floor(math.log10(low / right))
    while 10.0**decade < high / left:
        factor = 10.0**decade
        axes.plot([left, right], [factor * left, factor * right], ":", color=style.hairline, lw=1.2, zorder=0)
        decade += 1
    axes.set(xlim=(left, right), ylim=(low, high))


def _label(axes: Axes, ends: Sequence[tuple[str, Point, str]], labels: dict[str, str], style: Theme) -> None:
    """Each curve's name and exponent beside its last point, moved apart where they would touch."""
    spots = [(p.size, max(p.value, 1e-9)) for _, p, _ in ends]
    tall = axes.get_window_extent().height
    to_axes = (axes.transData + axes.transAxes.inverted()).transform
    heights = apart([to_axes(spot)[1] for spot in spots], style.line / tall)
    for (name, _, colour), spot, height in zip(ends, spots, heights, strict=True):
        axes.annotate(
            labels[name], spot, (1.02, height), textcoords="axes fraction", va="center", fontweight="bold",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 1, "shrinkA": 2, "shrinkB": 6},
        )  # fmt: skip


def _ticks(axes: Axes, sweep: Sweep, style: Theme) -> None:
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.yaxis.set_major_locator(LogLocator(10, numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else ""))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: sweep.amount(value)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    axes.grid(True, color=style.cell, linewidth=1, zorder=-1)
    hollow = any(sweep.reference.get(name) for name in sweep.curves)
    hint = ";  hollow marks: the reference machine" if hollow else ""
    axes.set_xlabel(f"{sweep.of}   (dotted lines rise as n^1{hint})", color=style.muted, labelpad=8)


def _decades(sweep: Sweep) -> list[float]:
    """The powers of ten that can stand on the y axis."""
    values = [p.value for points in sweep.curves.values() for p in points if p.value > 0]
    return [10.0 ** math.floor(math.log10(value) + 0.3) for value in values]


def _slope(sweep: Sweep, name: str) -> str:
    exponent = sweep.exponent(name)
    return "" if math.isnan(exponent) else f"n^{exponent:.2f}"
