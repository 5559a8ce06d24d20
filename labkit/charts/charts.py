"""Small charts of a few values, drawn once: bars, steps on one time axis, and who points to whom.

Each returns a Chart, which a notebook shows as a picture with its alt text, both made from the same data.
They know nothing of tapes or loops.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from labkit.charts.ink import DPI, width
from labkit.charts.theme import Theme, theme

SHARP = 2  # pixels of the file for one of the page
WIDE = 920
MARKERS = "osD^vP"
DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (8, 2, 2, 2)), "-", (0, (4, 2)))


@dataclass(frozen=True, slots=True)
class Chart:
    """A finished figure: shown in a notebook it is a picture with the alt text `alt`."""

    figure: Figure
    alt: str

    def png(self, sharp: float = SHARP) -> bytes:
        """The picture, with `sharp` pixels for one of the page."""
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=DPI * sharp)
        return file.getvalue()

    def img(self, sharp: float = SHARP) -> str:
        """The picture as an HTML element."""
        wide = round(self.figure.get_figwidth() * DPI)
        data = base64.b64encode(self.png(sharp)).decode()
        alt = html.escape(self.alt, quote=True)
        style = "max-width:100%; height:auto"
        return f'<img alt="{alt}" width="{wide}" style="{style}" src="data:image/png;base64,{data}">'

    def save(self, path: str | Path) -> Path:
        """Write the picture; the name ends in .png, .svg or .pdf."""
        self.figure.savefig(path, dpi=DPI * SHARP)
        return Path(path)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.img(), "text/plain": self.alt}


def bars(
    values: Mapping[str, float],
    title: str,
    *,
    unit: str = "",
    notes: Mapping[str, str] | None = None,
    look: str | Theme = "screen",
) -> Chart:
    """A horizontal bar for each value, longest = greatest, the number beside it, and a note behind that."""
    style, notes = theme(look), notes or {}
    figure = canvas(WIDE, style.title + style.gap * 2 + len(values) * style.line * 1.7, style)
    axes = frame(figure, style, title, left=_left(values, style), foot=style.gap)
    most = max([*values.values(), 1e-9])
    for row, (name, value) in enumerate(values.items()):
        axes.barh(row, value / most, 0.62, color=colours(style)[row % 6], edgecolor=style.ink, linewidth=0)
        text = f"{value:,.0f}" if float(value).is_integer() or value >= 100 else f"{value:,.3g}"
        words = " ".join(filter(None, (text, unit, f"  {notes[name]}" if name in notes else "")))
        axes.annotate(words, (value / most, row), (8, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(values)), list(values))
    axes.set(xlim=(0, 1.75), ylim=(len(values) - 0.4, -0.6))
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    said = (f"{name} {value:,.6g} {unit} {notes.get(name, '')}".strip() for name, value in values.items())
    return Chart(figure, f"{title}: {'; '.join(said)}.")


def steps(
    lanes: Mapping[str, Sequence[float]],
    title: str,
    *,
    y: str = "bytes",
    x: str = "iteration",
    marks: Mapping[str, Sequence[int]] | None = None,
    mark: str = "reported ready",
    look: str | Theme = "screen",
) -> Chart:
    """One lane above the other on one axis: what stood there at each moment, and a ▼ where `marks` has it."""
    style, marks = theme(look), marks or {}
    figure = canvas(WIDE, style.title * 2 + style.gap * 3 + len(lanes) * style.line * 4.6, style)
    figure.text(
        style.gap / figure.bbox.width, 1 - (style.gap + style.title) / figure.bbox.height, title,
        fontsize=style.title, fontweight="bold", color=style.ink,
    )  # fmt: skip
    most = max([1, *(value for values in lanes.values() for value in values)])
    length = max(map(len, lanes.values()))
    room, top = style.line * 4.6, style.gap * 2 + style.title
    said = []
    for row, (name, values) in enumerate(lanes.items()):
        axes = _axes(figure, style, _left(lanes, style) + 64, top + row * room, 24, room - style.line * 1.3)
        colour = colours(style)[row % 6]
        moments, held = range(len(values) + 1), [*values, values[-1]]
        axes.fill_between(moments, held, step="post", color=colour, alpha=0.25)
        axes.step(moments, held, where="post", color=colour, linewidth=2)
        at = list(marks.get(name, ()))
        axes.plot([i + 0.5 for i in at], [most * 1.28] * len(at), "v", color=style.ink, markersize=8)
        axes.set(xlim=(0, length), ylim=(0, most * 1.45))
        axes.set_yticks([0, most], ["0", f"{most:,}"])
        axes.set_xticks([i + 0.5 for i in _ticks(length)], [str(i) for i in _ticks(length)])
        axes.tick_params(labelbottom=row == len(lanes) - 1)
        beside: Any = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right"}
        axes.annotate(name, (0, 0.4), (-64, 0), va="center", fontweight="bold", **beside)
        said.append(
            f"{name}: {y} {', '.join(f'{v:,.6g}' for v in values[:24])}{' …' if len(values) > 24 else ''}"
            + (f"; {mark} in {len(at)} of {len(values)}" if name in marks else "")
        )
    axes.set_xlabel(f"{x}     (height: {y}" + (f";  ▼ {mark})" if marks else ")"), color=style.muted)
    return Chart(figure, f"{title}. {'. '.join(said)}.")


def pointers(
    columns: Mapping[str, Sequence[str]],
    arrows: Sequence[tuple[str, str]],
    title: str,
    *,
    crossed: Sequence[str] = (),
    look: str | Theme = "screen",
) -> Chart:
    """Boxes in named columns, and an arrow for each pair of boxes; `crossed` boxes are gone."""
    style = theme(look)
    rows = max(map(len, columns.values()))
    figure = canvas(WIDE, style.title + style.gap * 3 + (rows + 0.8) * style.line * 1.9, style)
    axes = frame(figure, style, title, left=style.gap, foot=style.gap)
    axes.set_axis_off()
    axes.set(xlim=(0, len(columns)), ylim=(rows + 0.1, -1))
    spots = {}
    for column, (name, boxes) in enumerate(columns.items()):
        axes.text(column + 0.04, -0.62, name, color=style.muted, va="center")
        for row, text in enumerate(boxes):
            gone = text in crossed
            spots[text] = row
            axes.text(
                column + 0.04, row, f" {text} ", va="center", color=style.muted if gone else style.ink,
                bbox={
                    "boxstyle": "round,pad=0.35", "facecolor": style.ground if gone else style.cell,
                    "edgecolor": style.hairline if gone else style.muted,
                    "linestyle": "--" if gone else "-",
                },
            )  # fmt: skip
    figure.canvas.draw()  # places the boxes
    edges = {t.get_text().strip(): box.get_window_extent() for t in axes.texts if (box := t.get_bbox_patch())}
    for start, end in arrows:
        y0, y1 = spots[start], spots[end]
        right = axes.transData.inverted().transform((edges[start].x1, 0))[0]
        tip = axes.transData.inverted().transform((edges[end].x0, 0))[0]
        weak = start in crossed or end in crossed
        axes.annotate(
            "", (tip, y1), (right, y0),
            arrowprops={"arrowstyle": "-|>", "color": style.muted if weak else style.ink, "linewidth": 1.6,
                        "linestyle": "--" if weak else "-", "shrinkA": 3, "shrinkB": 3},
        )  # fmt: skip
    said = "; ".join(f"{start} points to {end}" for start, end in arrows)
    gone_too = f" Gone: {', '.join(crossed)}." if crossed else ""
    return Chart(figure, f"{title}. {said}.{gone_too}")


# ---- what the charts share -------------------------------------------------------------------------------


def canvas(wide: float, tall: float, style: Theme) -> Figure:
    """An empty figure of so many pixels, with its own canvas: no pyplot, nothing global."""
    figure = Figure((wide / DPI, tall / DPI), dpi=DPI, facecolor=style.ground)
    FigureCanvasAgg(figure)
    return figure


def frame(figure: Figure, style: Theme, title: str, *, left: float, foot: float, right: float = 0) -> Axes:
    """Axes in the house's manner under a heading."""
    wide, tall = figure.bbox.width, figure.bbox.height
    figure.text(
        style.gap / wide, 1 - (style.gap + style.title * 0.8) / tall, title,
        fontsize=style.title, fontweight="bold", color=style.ink,
    )  # fmt: skip
    top = style.gap * 2 + style.title
    return _axes(figure, style, left, top, style.gap + right, tall - top - foot)


def _axes(figure: Figure, style: Theme, left: float, top: float, right: float, tall: float) -> Axes:
    w, h = figure.bbox.width, figure.bbox.height
    place = (left / w, 1 - (top + tall) / h, (w - left - right) / w, tall / h)
    axes = figure.add_axes(place, facecolor=style.ground)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(style.hairline)
    axes.tick_params(length=0, labelsize=style.text, labelcolor=style.ink, pad=6)
    axes.xaxis.label.set_fontsize(style.text)
    axes.yaxis.label.set_fontsize(style.text)
    figure_text = {"fontsize": style.text, "color": style.ink}
    annotate, text = axes.annotate, axes.text
    axes.annotate = lambda *a, **k: annotate(*a, **{**figure_text, **k})  # type: ignore[method-assign]
    axes.text = lambda *a, **k: text(*a, **{**figure_text, **k})  # type: ignore[method-assign]
    return axes


def colours(style: Theme) -> list[str]:
    """The theme's colours in the order in which curves and bars take them."""
    return [style.read, style.write, style.program, style.special, style.kernel, style.ink]


def apart(heights: Sequence[float], least: float) -> list[float]:
    """The heights moved as little as needed to stand `least` apart, in their order."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = [float(heights[i]) for i in order]
    for _ in range(60):
        for low, high in pairwise(range(len(moved))):
            lack = least - (moved[high] - moved[low])
            if lack > 0:
                moved[low] -= lack / 2
                moved[high] += lack / 2
    placed = dict(zip(order, moved, strict=True))
    return [placed[i] for i in range(len(heights))]


def _left(names: Mapping[str, Any], style: Theme) -> float:
    return style.gap * 1.6 + max(width(name, style.bold) for name in names)


def _ticks(length: int) -> range:
    return range(0, length, max(1, round(length / 12)))
