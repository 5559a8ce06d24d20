"""A frame: panels laid out on one canvas, drawn for a position of a tape, as pixels or as a file.

The canvas is Agg's own, never pyplot's: no global state, nothing to leak. What never changes is drawn once
and put back under every frame.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from labkit.charts.ink import DPI, Box, Word, Words
from labkit.charts.theme import Theme, theme
from labkit.figure import png
from labkit.figure.panels.panel import Panel, shown
from labkit.tape import narrate
from labkit.tape.tape import Tape

SMALLEST, LARGEST = (320, 100), (4000, 3000)


class Frame:
    """Panels in two columns, `size` = (width, height) in pixels."""

    def __init__(
        self, panels: Sequence[Panel], *, look: str | Theme = "screen", size: tuple[int, int] = (1000, 600)
    ) -> None:
        self.panels = list(panels)
        self.size = checked(size)
        self.lock = threading.RLock()
        self.figure = Figure(figsize=(self.size[0] / DPI, self.size[1] / DPI), dpi=DPI)
        self.canvas = FigureCanvasAgg(self.figure)
        self.use(look)

    def use(self, look: str | Theme) -> None:
        """Lay everything out for a theme."""
        with self.lock:
            self.theme = theme(look)
            self.figure.clear()
            self.figure.set_facecolor(self.theme.ground)
            for panel, box in zip(self.panels, layout(self.panels, self.size, self.theme), strict=True):
                panel.columns = columns(self.size[0], self.theme)
                panel.place(self.theme, box)
                for artist in (*panel.backdrop, *panel.artists):
                    self.figure.add_artist(artist)
            self._renderer: Any = self.canvas.get_renderer()
            self._renderer.clear()
            self.figure.patch.draw(self._renderer)
            for panel in self.panels:
                for artist in panel.backdrop:
                    artist.draw(self._renderer)
            self._ground = self.canvas.copy_from_bbox(self.figure.bbox)

    # ---- one position --------------------------------------------------------------------------------

    def pixels(self, tape: Tape, index: int, call: int | None = None) -> np.ndarray:
        """(height, width, 4) uint8. The array is the canvas's own: copy it to keep it."""
        with self.lock:
            self._fill(tape, index, call)
            self.canvas.restore_region(self._ground)
            for panel in self.panels:
                for artist in panel.artists:
                    artist.draw(self._renderer)
                    time.sleep(0)  # a loop that runs meanwhile is not to wait for the interpreter's lock
            return np.asarray(self._renderer.buffer_rgba())

    def _fill(self, tape: Tape, index: int, call: int | None) -> None:
        at = shown(tape, index)
        for panel in self.panels:
            panel.draw(tape, at, call)

    def png(self, tape: Tape, index: int, call: int | None = None) -> bytes:
        """The frame as a PNG of at most 256 colours, which is all that it has."""
        with self.lock:
            return self.encode(self.pixels(tape, index, call))

    def encode(self, pixels: np.ndarray) -> bytes:
        return png.encode(pixels, self.theme)

    def svg(self, tape: Tape, index: int, call: int | None = None) -> str:
        """The frame as SVG, with its words as title."""
        with self.lock:
            self._fill(tape, index, call)
            file = io.StringIO()
            self.figure.savefig(file, format="svg", metadata={"Date": None})
        text = file.getvalue()
        head = text.index(">", text.index("<svg")) + 1
        return f"{text[:head]}\n <title>{escape(alt(tape, index))}</title>{text[head:]}"

    def texts(self) -> list[tuple[str, Box]]:
        """Every string of the frame that was drawn last, with the rectangle it covers."""
        with self.lock:
            artists = [a for panel in self.panels for a in (*panel.backdrop, *panel.artists)]
            return [pair for artist in artists if isinstance(artist, Words) for pair in artist.boxes()]

    def words(self) -> list[Word]:
        """Every string of the frame that was drawn last, with its font."""
        with self.lock:
            artists = [a for panel in self.panels for a in (*panel.backdrop, *panel.artists)]
            return [word for artist in artists if isinstance(artist, Words) for word in artist.words]


def alt(tape: Tape, index: int) -> str:
    """The frame in one sentence."""
    try:
        return narrate.summary(tape.iteration(shown(tape, index)))
    except IndexError:
        return "No iteration is recorded yet."


def columns(wide: int, look: Theme) -> int:
    """How many iterations stand side by side: as many eights as are wide enough to read."""
    return max(8, 8 * round(wide / (look.text * 2.9) / 8))


def layout(panels: Sequence[Panel], size: tuple[int, int], look: Theme) -> list[Box]:
    """A box for each panel: in the left or the right column, each as high as its weight says."""
    wide, tall = size
    edge = look.gap
    inner = wide - 2 * edge
    both = len({panel.column for panel in panels}) == 2
    split = round(inner * look.left) if both else inner
    spans = {
        "left": (edge, split - (look.gap // 2 if both else 0)),
        "right": (edge + (split + look.gap if both else 0), inner - (split + look.gap if both else 0)),
    }
    tops = dict.fromkeys(spans, float(edge))
    boxes = []
    for panel in panels:
        mates = [each for each in panels if each.column == panel.column]
        room = tall - 2 * edge - look.gap * (len(mates) - 1)
        high = room * panel.weight / sum(each.weight for each in mates)
        left, width = spans[panel.column]
        boxes.append(Box(left, round(tops[panel.column]), width, round(high)))
        tops[panel.column] += high + look.gap
    return boxes


def checked(size: tuple[int, int]) -> tuple[int, int]:
    """`size` as whole pixels; ValueError says what fits."""
    try:
        wide, tall = (int(each) for each in size)
    except (TypeError, ValueError):
        raise ValueError(f"size={size!r}: give (width, height) in pixels, such as (1000, 600)") from None
    if not (SMALLEST[0] <= wide <= LARGEST[0] and SMALLEST[1] <= tall <= LARGEST[1]):
        raise ValueError(f"size={size!r}: a figure is {SMALLEST} to {LARGEST} pixels, (1000, 600) by default")
    return wide, tall
