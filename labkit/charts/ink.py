"""What panels draw with: words, boxes and strokes, each thousands of them in one artist.

A panel sets what an artist holds and the frame draws it: one path a style, and words from a cache of small
pictures, because a patch or a text of its own for every cell would cost more than all the rest of a frame.
Coordinates are pixels from the figure's top left corner.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgba
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

DPI = 72  # one point is one pixel
ELLIPSIS = "…"
CACHED_WORDS = 4096


class Box(NamedTuple):
    """A rectangle: left, top, width, height."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h


@dataclass(frozen=True, slots=True, eq=False)  # looked up by identity, a hundred times a frame
class Font:
    """One of the DejaVu faces that matplotlib brings, at a size in pixels."""

    size: int
    bold: bool = False
    mono: bool = False

    @property
    def properties(self) -> FontProperties:
        return _properties(self)


@lru_cache(maxsize=64)
def _properties(font: Font) -> FontProperties:
    family = "DejaVu Sans Mono" if font.mono else "DejaVu Sans"
    return FontProperties(family=family, weight="bold" if font.bold else "normal", size=font.size)


_ruler = RendererAgg(1, 1, DPI)


@lru_cache(maxsize=CACHED_WORDS)
def width(text: str, font: Font) -> float:
    """How wide `text` is drawn."""
    return sum(_advance(char, font) for char in text)


@lru_cache(maxsize=4096)
def _advance(char: str, font: Font) -> float:
    """From where a character begins to where the next one does."""
    once, more = (_ruler.get_text_width_height_descent(char * n, font.properties, False)[0] for n in (1, 17))
    return float(more - once) / 16


@lru_cache(maxsize=CACHED_WORDS)
def fit(text: str, font: Font, room: float) -> str:
    """`text`, or as much of its beginning as fits into `room` with an ellipsis."""
    if width(text, font) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle].rstrip() + ELLIPSIS, font) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + ELLIPSIS if low or width(ELLIPSIS, font) <= room else ""


@lru_cache(maxsize=256)
def rgba(colour: str) -> tuple[float, float, float, float]:
    red, green, blue, alpha = to_rgba(colour)
    return red, green, blue, alpha


class Word(NamedTuple):
    """One string: `x` is its left end, `y` its baseline."""

    x: float
    y: float
    text: str
    font: Font
    colour: str


class Ink(Artist):
    """What the artists here share: they are drawn where they say, in pixels from the top left."""

    def __init__(self) -> None:
        super().__init__()
        self.set_clip_on(False)

    def hold(self, what: Iterable[tuple[float, float, float, float]], /) -> None:
        """Have something else to draw."""
        raise NotImplementedError

    def _upright(self) -> Affine2D:
        return Affine2D().scale(1, -1).translate(0, self._height())

    def _height(self) -> float:
        assert self.figure is not None
        return float(self.figure.bbox.height)


class Words(Ink):
    """Strings of any font and colour."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[Word] = []

    def clear(self) -> None:
        self.words.clear()

    def add(
        self,
        x: float,
        y: float,
        text: str,
        font: Font,
        colour: str,
        align: str = "left",
        room: float | None = None,
    ) -> float:
        """Put `text` with its baseline at `y`, cut to `room`. Returns its width."""
        if room is not None:
            text = fit(text, font, room)
        wide = width(text, font)
        if text:
            left = x - wide if align == "right" else x - wide / 2 if align == "center" else x
            self.words.append(Word(round(left), round(y), text, font, colour))
        return wide

    def boxes(self) -> list[tuple[str, Box]]:
        """Each string with the rectangle that it covers."""
        return [(word.text, _extent(word)) for word in self.words]

    def draw(self, renderer: Any) -> None:
        gc = renderer.new_gc()
        pictures = isinstance(renderer, RendererAgg)
        height = self._height()
        for word in self.words:
            if pictures:
                image, left, below = _picture(word.text, word.font, word.colour)
                renderer.draw_image(gc, word.x - left, height - word.y - below, image[::-1])
            else:
                gc.set_foreground(word.colour)
                renderer.draw_text(gc, word.x, word.y, word.text, word.font.properties, 0)
        gc.restore()


def _extent(word: Word) -> Box:
    image, left, below = _picture(word.text, word.font, word.colour)
    rows, columns = np.nonzero(image[..., 3])
    if not len(rows):
        return Box(word.x, word.y, 0, 0)
    top = word.y + below - len(image) + rows.min()
    return Box(
        word.x - left + columns.min(),
        top,
        columns.max() - columns.min() + 1,
        rows.max() - rows.min() + 1,
    )


MARGIN = 2  # pixels around a character, for what reaches out of its place
PHASES = 4  # a character is drawn at so many places between two pixels

_pictures: OrderedDict[tuple[str, Font, str], tuple[np.ndarray, int, int]] = OrderedDict()


def _picture(text: str, font: Font, colour: str) -> tuple[np.ndarray, int, int]:
    """(RGBA picture of `text`, pixels left of its origin, pixels below its baseline).

    It is put together from pictures of characters: numbers change in every frame, and FreeType takes
    milliseconds for a string that it has not seen.
    """
    key = text, font, colour
    known = _pictures.get(key)
    if known is not None:
        return known
    rows, below = _line(font)
    image = np.empty((rows, int(np.ceil(width(text, font))) + 4 * MARGIN, 4), np.uint8)
    image[:] = [round(255 * part) for part in rgba(colour)[:3]] + [0]
    ink = image[..., 3]
    x = 0.0
    for char in text:
        place, phase = divmod(round(x * PHASES), PHASES)
        shape = _character(char, font, phase)
        part = ink[:, place : place + shape.shape[1]]
        np.maximum(part, shape[:, : part.shape[1]], out=part)
        x += _advance(char, font)
    while len(_pictures) >= CACHED_WORDS:
        try:
            _pictures.popitem(last=False)
        except KeyError:  # another figure's thread was faster
            break
    _pictures[key] = image, MARGIN, below
    return image, MARGIN, below


@lru_cache(maxsize=64)
def _line(font: Font) -> tuple[int, int]:
    """(height of a line's picture, the pixels of it below the baseline)."""
    _, tall, descent = _ruler.get_text_width_height_descent("Áqj(|", font.properties, False)
    below = int(np.ceil(descent)) + MARGIN
    return int(np.ceil(tall)) + MARGIN + below, below


@lru_cache(maxsize=8192)
def _character(char: str, font: Font, phase: int) -> np.ndarray:
    """How much of each pixel a character covers, 0 to 255, `phase` / PHASES of a pixel to the right."""
    rows, below = _line(font)
    scratch = RendererAgg(int(np.ceil(_advance(char, font))) + 3 * MARGIN, rows, DPI)
    gc = scratch.new_gc()
    scratch.draw_text(gc, MARGIN + phase / PHASES, rows - below, char, font.properties, 0)
    return np.array(scratch.buffer_rgba())[..., 3]


class Boxes(Ink):
    """Rectangles of one style."""

    def __init__(
        self,
        face: str | None = None,
        edge: str | None = None,
        line: float = 1.0,
        hatch: str | None = None,
    ) -> None:
        super().__init__()
        self.face, self.edge, self.line, self.hatch = face, edge, line, hatch
        self._held: list[tuple[float, float, float, float]] = []
        self._path: Path | None = None

    def hold(self, boxes: Iterable[tuple[float, float, float, float]]) -> None:
        """Hold these (left, top, width, height), on whole pixels."""
        held = list(boxes)
        if held == self._held:  # from one frame to the next most stay where they are
            return
        self._held, self._path = held, None
        if not held:
            return
        array = np.array(held, float)
        left, top = np.round(array[:, 0]), np.round(array[:, 1])
        right = np.maximum(np.round(array[:, 0] + array[:, 2]), left + 1)
        bottom = np.maximum(np.round(array[:, 1] + array[:, 3]), top + 1)
        if self.edge is not None:  # a line is drawn on the middle of its pixels
            inset = self.line / 2
            left, top, right, bottom = left + inset, top + inset, right - inset, bottom - inset
        corners = np.stack([left, top, right, top, right, bottom, left, bottom, left, top], 1)
        codes = np.tile(np.array([1, 2, 2, 2, 79], np.uint8), len(array))
        self._path = Path(corners.reshape(-1, 2), codes)

    def draw(self, renderer: Any) -> None:
        if self._path is None:
            return
        gc = renderer.new_gc()
        gc.set_antialiased(False)
        gc.set_snap(False)
        gc.set_linewidth(self.line if self.edge else 0)
        gc.set_foreground(self.edge or self.face or "#000000")
        if self.hatch:
            gc.set_hatch(self.hatch)
            gc.set_hatch_color(self.edge)
            gc.set_hatch_linewidth(1.0)
        face = rgba(self.face) if self.face else None
        renderer.draw_path(gc, self._path, self._upright(), face)
        gc.restore()


class Strokes(Ink):
    """Straight lines of one style."""

    def __init__(self, colour: str, line: float = 1.5, smooth: bool = True) -> None:
        super().__init__()
        self.colour, self.line, self.smooth = colour, line, smooth
        self._held: list[tuple[float, float, float, float]] = []
        self._path: Path | None = None

    def hold(self, segments: Iterable[tuple[float, float, float, float]]) -> None:
        """Hold these (x0, y0, x1, y1)."""
        held = list(segments)
        if held == self._held:
            return
        self._held, self._path = held, None
        if held:
            ends = np.array(held, float).reshape(-1, 2)
            self._path = Path(ends, np.tile(np.array([1, 2], np.uint8), len(held)))

    def draw(self, renderer: Any) -> None:
        if self._path is None:
            return
        gc = renderer.new_gc()
        gc.set_antialiased(self.smooth)
        gc.set_snap(False)
        gc.set_linewidth(self.line)
        gc.set_foreground(self.colour)
        gc.set_capstyle("round" if self.smooth else "butt")
        renderer.draw_path(gc, self._path, self._upright(), None)
        gc.restore()


class Picture(Ink):
    """A rectangle of pixels: RGBA, uint8, top row first."""

    def __init__(self) -> None:
        super().__init__()
        self._image: np.ndarray | None = None
        self._at = (0.0, 0.0)

    def paint(self, x: float, y: float, image: np.ndarray | None) -> None:
        self._image, self._at = image, (round(x), round(y))

    def draw(self, renderer: Any) -> None:
        if self._image is None or not self._image.size:
            return
        gc = renderer.new_gc()
        left, top = self._at
        renderer.draw_image(gc, left, self._height() - top - len(self._image), self._image[::-1])
        gc.restore()


def crosses(centres: Iterable[tuple[float, float]], arm: float) -> list[tuple[float, float, float, float]]:
    """The segments of a × at each centre."""
    found = []
    for x, y in centres:
        found += [(x - arm, y - arm, x + arm, y + arm), (x - arm, y + arm, x + arm, y - arm)]
    return found
