"""Small charts of a few values, drawn once: bars, also in parts, steps on one time axis, who points to whom.

Each returns a Chart, which a notebook shows as a picture with its alt text, both made from the same data.
They know nothing of tapes or loops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from labkit.charts.fonts import fonts
from labkit.charts.palette import KNOWN, series
from labkit.charts.style import WIDE, Chart, Look, axes_in, beside, canvas, drawable, heading, look_of, words


def bars(
    values: Mapping[str, float],
    title: str,
    *,
    unit: str = "",
    notes: Mapping[str, str] | None = None,
    look: str | Look = "screen",
) -> Chart:
    """A horizontal bar for each value, from 0, the number beside it, and a note behind that.

    The bars have one colour, since they are one kind of number.
    """
    style = look_of(look)
    values, title, unit, notes = map(drawable, (values, title, unit, notes or {}))
    said = {name: _number(value, unit, notes.get(name, "")) for name, value in values.items()}
    figure, axes = _rows(values, said, title, style)
    axes.barh(range(len(values)), list(values.values()), 0.62, color=style.colours["value"])
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    told = "; ".join(f"{name} {' '.join(text.split())}" for name, text in said.items())
    return Chart(figure, f"{title}: {told}.")


def shares(
    rows: Mapping[str, Mapping[str, int]],
    title: str,
    *,
    unit: str,
    colours: Mapping[str, str],
    look: str | Look = "screen",
) -> Chart:
    """A horizontal bar for each name, from 0, made of its parts, and behind it how many of each.

    All stand on one axis, which counts `unit`. `colours` has the parts in their order: {part: colour's name}.
    """
    style = look_of(look)
    rows, title, unit, colours = map(drawable, (rows, title, unit, colours))
    said = {
        name: ", ".join(f"{count:,} {part}" for part, count in parts.items() if count) or "0"
        for name, parts in rows.items()
    }
    ends = [0] * len(rows)
    figure, axes = _rows({name: sum(parts.values()) for name, parts in rows.items()}, said, title, style, 3.6)
    for part, colour in colours.items():
        counts = [parts.get(part, 0) for parts in rows.values()]
        axes.barh(range(len(rows)), counts, 0.62, ends, color=style.colours[colour], label=part)
        ends = [end + count for end, count in zip(ends, counts, strict=True)]
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.set_xlabel(unit)
    key = {"frameon": False, "prop": {"family": fonts(), "size": style.text}, "handlelength": 1.0}
    figure.legend(loc="lower left", ncols=len(colours), labelcolor=style.colours["ink"], **key)
    return Chart(figure, f"{title}, {unit}: {'; '.join(f'{name}: {text}' for name, text in said.items())}.")


def _rows(
    ends: Mapping[str, float], said: Mapping[str, str], title: str, style: Look, below: float = 0.0
) -> tuple[Figure, Axes]:
    """Axes with a name for each row and words behind its end, and `below` them that many lines of room."""
    right = style.gap + 8 + max((style.width(text) for text in said.values()), default=0.0)
    tall = len(ends) * style.line * 1.7
    figure = canvas(WIDE, style.title + style.gap * 3 + tall + style.line * below, style)
    heading(figure, style, title)
    top = style.gap * 2 + style.title
    axes = axes_in(figure, style, beside(ends, style), top, max(right, WIDE * 0.25), tall)
    for row, (name, end) in enumerate(ends.items()):
        axes.annotate(
            said[name], (end, row), (8, 0), textcoords="offset points", va="center", annotation_clip=False,
            **words(style),
        )  # fmt: skip
    axes.set_yticks(range(len(ends)), list(ends))
    axes.set(xlim=(0, max([*ends.values(), 1e-9])), ylim=(len(ends) - 0.4, -0.6))
    return figure, axes


def _number(value: float, unit: str, note: str) -> str:
    text = f"{value:,.0f}" if float(value).is_integer() or value >= 100 else f"{value:,.3g}"
    return " ".join(filter(None, (text, unit, note and f"  {note}")))


def steps(
    lanes: Mapping[str, Sequence[float]],
    title: str,
    *,
    y: str = "bytes",
    x: str = "iteration",
    marks: Mapping[str, Sequence[int]] | None = None,
    mark: str = "reported ready",
    look: str | Look = "screen",
) -> Chart:
    """One lane above the other on one axis: what stood there at each moment, and a ▼ where `marks` has it.

    Selectors and libraries have their colours; other lanes have one, since they are one kind of number.
    """
    style = look_of(look)
    lanes, title, y, x, marks, mark = map(drawable, (lanes, title, y, x, marks or {}, mark))
    room, top = style.line * 4.6, style.gap * 2 + style.title
    figure = canvas(WIDE, top + style.gap * 2 + len(lanes) * room + style.line, style)
    heading(figure, style, title)
    most = max([1, *(value for values in lanes.values() for value in values)])
    length = max(map(len, lanes.values()))
    scale = style.width(f"{most:,}") + 14
    colours = series(lanes) if lanes.keys() <= KNOWN.keys() else dict.fromkeys(lanes, style.colours["value"])
    said = []
    for row, (name, values) in enumerate(lanes.items()):
        axes = axes_in(
            figure, style, beside(lanes, style) + scale, top + row * room, 24, room - style.line * 1.3
        )
        moments, held = range(len(values) + 1), [*values, values[-1] if len(values) else 0]
        axes.fill_between(moments, held, step="post", color=colours[name], alpha=0.25)
        axes.step(moments, held, where="post", color=colours[name], linewidth=2)
        at = list(marks.get(name, ()))
        axes.plot(
            [i + 0.5 for i in at], [most * 1.28] * len(at), "v", color=style.colours["ink"], markersize=8
        )
        axes.set(xlim=(0, length), ylim=(0, most * 1.45))
        axes.set_yticks([0, most], ["0", f"{most:,}"])
        axes.set_xticks([i + 0.5 for i in _ticks(length)], [str(i) for i in _ticks(length)])
        axes.tick_params(labelbottom=row == len(lanes) - 1)
        axes.annotate(
            name, (0, 0.4), (-scale, 0), xycoords="axes fraction", textcoords="offset points", ha="right",
            va="center", annotation_clip=False, **words(style, fontweight="bold"),
        )  # fmt: skip
        said.append(
            f"{name}: {y} {', '.join(f'{v:,.6g}' for v in values[:24])}{' …' if len(values) > 24 else ''}"
            + (f"; {mark} in {len(at)} of {len(values)}" if name in marks else "")
        )
    axes.set_xlabel(f"{x}     (height: {y}" + (f";  ▼ {mark})" if marks else ")"))
    return Chart(figure, f"{title}. {'. '.join(said)}.")


def _ticks(length: int) -> range:
    return range(0, length, max(1, round(length / 12)))


def pointers(
    columns: Mapping[str, Sequence[str]],
    arrows: Sequence[tuple[str, str]],
    title: str,
    *,
    crossed: Sequence[str] = (),
    look: str | Look = "screen",
) -> Chart:
    """Boxes in named columns, and an arrow for each pair of boxes; `crossed` boxes are gone."""
    style = look_of(look)
    columns, arrows, title, crossed = map(drawable, (columns, arrows, title, crossed))
    ink, muted = style.colours["ink"], style.colours["muted"]
    rows = max(map(len, columns.values()))
    tall = (rows + 0.8) * style.line * 1.9
    figure = canvas(WIDE, style.title + style.gap * 3 + tall, style)
    heading(figure, style, title)
    axes = axes_in(figure, style, style.gap, style.gap * 2 + style.title, style.gap, tall)
    axes.set_axis_off()
    axes.set(xlim=(0, len(columns)), ylim=(rows + 0.1, -1))
    boxes: dict[str, Any] = {}
    for column, (name, held) in enumerate(columns.items()):
        axes.text(column + 0.04, -0.62, name, va="center", **words(style, "muted"))
        for row, text in enumerate(held):
            gone = text in crossed
            box = {
                "boxstyle": "round,pad=0.35", "facecolor": style.colours["ground" if gone else "place"],
                "edgecolor": style.colours["hairline"] if gone else muted, "linestyle": "--" if gone else "-",
            }  # fmt: skip
            colour = "muted" if gone else "ink"
            boxes[text] = axes.text(
                column + 0.04, row, f" {text} ", va="center", bbox=box, **words(style, colour)
            )
    for start, end in arrows:
        weak = start in crossed or end in crossed
        arrow = {
            "arrowstyle": "-|>", "color": muted if weak else ink, "linestyle": "--" if weak else "-",
            "linewidth": 1.6, "shrinkA": 3, "shrinkB": 3,
        }  # fmt: skip
        here, there = boxes[start].get_bbox_patch(), boxes[end].get_bbox_patch()
        axes.annotate("", (0, 0.5), (1, 0.5), xycoords=there, textcoords=here, arrowprops=arrow)
    said = "; ".join(f"{start} points to {end}" for start, end in arrows)
    gone_too = f" Gone: {', '.join(crossed)}." if crossed else ""
    return Chart(figure, f"{title}. {said}.{gone_too}")
