"""What the charts share: sizes, a canvas, axes in the house's manner, and a Chart that a notebook shows.

matplotlib's own artists and text, on a canvas of their own: no pyplot, nothing global.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from labkit.charts.fonts import fonts, spelled
from labkit.charts.palette import PALETTES
from labkit.tape.text import printable

DPI = 72  # a point is a pixel: sizes below are in pixels of the page
SHARP = 2  # pixels of the file for one of the page
WIDE = 920


class Look(NamedTuple):
    """Sizes in pixels, and the colours of palette.py."""

    name: str
    text: int
    title: int
    line: int
    gap: int
    palette: str = "light"

    @property
    def colours(self) -> dict[str, str]:
        return PALETTES[self.palette]

    def width(self, text: str, bold: bool = False) -> float:
        """Pixels that a line of text takes."""
        return _width(text, self.text, bold)


LOOKS = {
    "screen": Look("screen", 14, 16, 21, 18),
    "projector": Look("projector", 20, 22, 29, 22),
    "dark": Look("dark", 14, 16, 21, 18, "dark"),
}


def look_of(name: str | Look) -> Look:
    """The look of that name; ValueError lists the names there are."""
    if isinstance(name, Look):
        return name
    if name not in LOOKS:
        raise ValueError(f"look={name!r}: there are {', '.join(map(repr, LOOKS))}")
    return LOOKS[name]


@cache
def _width(text: str, size: int, bold: bool) -> float:
    font = FontProperties(family=fonts(), size=size, weight="bold" if bold else "normal")
    wide, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(wide)


# In JupyterLab's dark themes: dark for light, and each colour keeps its hue.
DARK = (
    '<style>body[data-jp-theme-light="false"] .labkit-chart '
    "{ filter: invert(0.93) hue-rotate(180deg); }</style>"
)


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
        picture = f'<img class="labkit-chart" alt="{alt}" width="{wide}" style="{style}"'
        return f'{picture} src="data:image/png;base64,{data}">{DARK}'

    def save(self, path: str | Path) -> Path:
        """Write the picture; the name ends in .png, .svg or .pdf."""
        self.figure.savefig(path, dpi=DPI * SHARP)
        return Path(path)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.img(), "text/plain": self.alt}


def drawable(value: Any) -> Any:
    """`value` with every text in it made printable, for fonts and pages: a text, a mapping or a sequence."""
    if isinstance(value, str):
        return spelled(printable(value), fonts())
    if isinstance(value, Mapping):
        return {drawable(name): drawable(held) for name, held in value.items()}
    return [drawable(each) for each in value] if isinstance(value, list | tuple) else value


def canvas(wide: float, tall: float, style: Look) -> Figure:
    """An empty figure of so many pixels."""
    figure = Figure((wide / DPI, tall / DPI), dpi=DPI, facecolor=style.colours["ground"])
    FigureCanvasAgg(figure)
    return figure


def heading(figure: Figure, style: Look, title: str) -> None:
    """The title, at the upper left."""
    wide, tall = figure.get_size_inches() * DPI
    figure.text(
        style.gap / wide, 1 - (style.gap + style.title * 0.8) / tall, title, parse_math=False,
        fontsize=style.title, fontweight="bold", fontfamily=fonts(), color=style.colours["ink"],
    )  # fmt: skip


def axes_in(figure: Figure, style: Look, left: float, top: float, right: float, tall: float) -> Axes:
    """Axes with `left` and `right` pixels beside them, from `top` on, `tall` pixels high."""
    w, h = figure.get_size_inches() * DPI
    inner = max(0.2, (w - left - right) / w)  # however long the names beside it are
    place = (left / w, 1 - (top + tall) / h, inner, tall / h)
    axes = figure.add_axes(place, facecolor=style.colours["ground"])
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(style.colours["hairline"])
    axes.tick_params(length=0, labelsize=style.text, labelcolor=style.colours["ink"], pad=6)
    axes.tick_params(labelfontfamily=fonts())
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(fontsize=style.text, fontfamily=fonts(), color=style.colours["muted"])
    return axes


def words(style: Look, colour: str = "ink", **more: Any) -> dict[str, Any]:
    """What every text of a chart is drawn with."""
    ink = style.colours[colour]
    return {"fontsize": style.text, "color": ink, "fontfamily": fonts(), "parse_math": False, **more}


def beside(names: Iterable[str], style: Look) -> float:
    """Pixels that a column of names takes on the left."""
    return style.gap * 1.6 + max((style.width(name, bold=True) for name in names), default=0.0)


def apart(heights: list[float], least: float) -> list[float]:
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
