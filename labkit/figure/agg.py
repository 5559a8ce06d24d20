"""The matplotlib printer: a drawing as pixels, .png or .svg, with matplotlib's own artists and text.

It draws marks by the roles of the theme and knows nothing else of what they stand for. The canvas is Agg's
own, never pyplot's: no global state, nothing to leak.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from html import escape
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from labkit.charts.fonts import fonts, spelled
from labkit.charts.palette import PALETTES
from labkit.figure.drawing import Drawing, is_low
from labkit.figure.layout import fitted
from labkit.figure.marks import Mark
from labkit.figure.theme import TEXT, TITLE, Role, role

Pixels = np.ndarray  # (height, width, 4) of uint8: RGBA
DPI = 100
MARGIN = 10  # pixels around the panels


class Run(NamedTuple):
    """Marks of one role that follow one another: they become one artist."""

    role: Role
    marks: list[Mark]


def figure(drawing: Drawing, palette: str = "light", scale: float = 1.0) -> Figure:
    """The drawing as a matplotlib Figure: an axes in CSS pixels, y downward."""
    wide, high = drawing.width + 2 * MARGIN, drawing.height + 2 * MARGIN
    colours = PALETTES[palette]
    made = Figure((wide * scale / DPI, high * scale / DPI), dpi=DPI, facecolor=colours["ground"])
    FigureCanvasAgg(made)
    axes = made.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-MARGIN, wide - MARGIN), ylim=(high - MARGIN, -MARGIN))
    axes.set_axis_off()
    for order, run in enumerate(_runs(drawing.drawn())):
        for artist in _artists(run, colours, scale):
            artist.set_zorder(order)
            if isinstance(artist, Text):
                axes.add_artist(artist)
            else:
                axes.add_collection(artist, autolim=False)
    return made


def pixels(drawing: Drawing, palette: str = "light", scale: float = 1.0) -> Pixels:
    """The drawing as a (height, width, 4) array of uint8: RGBA."""
    canvas: Any = figure(drawing, palette, scale).canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def png(drawing: Drawing, palette: str = "light", scale: float = 1.0) -> bytes:
    """The drawing as a PNG, with its sentence as title."""
    file = io.BytesIO()
    about = {"Title": drawing.says, "Software": None}
    figure(drawing, palette, scale).savefig(file, format="png", dpi=DPI, metadata=about)
    return file.getvalue()


def svg(drawing: Drawing, palette: str = "light", scale: float = 1.0) -> str:
    """The drawing as SVG whose text is text, with its sentence as title."""
    file = io.StringIO()
    with rc_context({"svg.fonttype": "none"}):
        figure(drawing, palette, scale).savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    head = text.index(">", text.index("<svg")) + 1
    return f"{text[:head]}\n <title>{escape(drawing.says)}</title>{text[head:]}"


# ---- roles as artists ------------------------------------------------------------------------------------


def _runs(marks: Iterable[Mark]) -> list[Run]:
    runs: list[Run] = []
    for mark in marks:
        look = role(mark.kind, mark.state, mark.event)
        if not runs or runs[-1].role != look:
            runs.append(Run(look, []))
        runs[-1].marks.append(mark)
    return runs


def _artists(run: Run, colours: dict[str, str], scale: float) -> Iterable[Any]:
    look, boxes = run.role, [mark.box for mark in run.marks]
    if look.shape == "line":
        lines = [[(x, y), (x + w, y + h)] for x, y, w, h in boxes]
        yield LineCollection(lines, colors=colours[look.stroke], linewidths=_points(look.width, scale))
    elif look.fill or look.stroke:
        seen = [mark for mark in run.marks if mark.box[2] > 0 and mark.box[3] > 0]
        low = [mark.box for mark in seen if is_low(mark)]
        fill = colours["ink"] if look.cross else colours[look.fill] if look.fill else "none"
        if low:
            yield PolyCollection([_corners(box, 0) for box in low], facecolors=fill, linewidths=0)
        if high := [mark.box for mark in seen if not is_low(mark)]:
            yield from _boxes(high, look, colours, scale)
    if look.ink:
        yield from (_text(mark, look, colours[look.ink], scale) for mark in run.marks if mark.text)


def _boxes(
    boxes: list[tuple[float, float, float, float]], look: Role, colours: dict[str, str], scale: float
) -> Iterable[Any]:
    edge = colours[look.stroke] if look.stroke else "none"
    yield PolyCollection(
        [_corners(box, look.width / 2) for box in boxes],
        facecolors=colours[look.fill] if look.fill else "none",
        edgecolors=colours["hairline"] if look.hatch and not look.stroke else edge,
        linewidths=_points(look.width, scale),
        hatch="////" if look.hatch else None,
    )
    if look.cross:
        lines = [line for box in boxes for line in _cross(box)]
        yield LineCollection(lines, colors=colours["ink"], linewidths=_points(1.8, scale))


def _corners(box: tuple[float, float, float, float], inset: float) -> list[tuple[float, float]]:
    x, y, w, h = box
    inset = min(inset, w / 2, h / 2)
    left, top, right, bottom = x + inset, y + inset, x + w - inset, y + h - inset
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _cross(box: tuple[float, float, float, float]) -> list[list[tuple[float, float]]]:
    x, y, w, h = box
    cx, cy, arm = x + w / 2, y + h / 2, max(1.5, min(w, h) * 0.32)
    return [[(cx - arm, cy - arm), (cx + arm, cy + arm)], [(cx - arm, cy + arm), (cx + arm, cy - arm)]]


def _text(mark: Mark, look: Role, colour: str, scale: float) -> Text:
    x, y, w, h = mark.box
    size = TITLE if look.font == "title" else TEXT
    at = {"left": x, "center": x + w / 2, "right": x + w}[look.align]
    families = fonts("DejaVu Sans Mono" if look.font.startswith("mono") else "DejaVu Sans")
    text = spelled(mark.text, families)
    text = text if text == mark.text else fitted(text, w, look.font)
    return Text(
        at, y + h / 2 + 0.36 * size, text, color=colour,
        fontsize=_points(size, scale), fontfamily=families,
        fontweight="bold" if look.font in ("title", "bold", "mono bold") else "normal",
        horizontalalignment=look.align, verticalalignment="baseline", parse_math=False, gid=mark.kind,
    )  # fmt: skip


def _points(pixels_: float, scale: float) -> float:
    return pixels_ * scale * 72 / DPI
