"""Where things stand: widths of text, names shortened, which iterations are columns, who gets what room.

Text is measured by the widths of DejaVu Sans, the widest of the fonts that a browser or matplotlib may take,
so what fits here fits there. It knows no tape, no mark and no printer: numbers, strings and rectangles.
"""

from __future__ import annotations

import math
import os.path
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol, TypeVar

from labkit.figure.theme import GAP, TEXT, TITLE

# Thousandths of an em that each character from space to ~ advances, in DejaVu Sans.
_WIDTHS = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636,
    636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752,
    295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390,
    838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411,
    521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
)  # fmt: skip
_BOLD, _MONO, _OTHER = 1.16, 0.602, 0.84  # bold against plain; a fixed width; any other character, in em
FD = re.compile(r"(?:\d+ )?")  # of a name such as `7 alice`
ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\(?:x[0-9a-f]?)?$")  # one that is cut off at the end
_EAST = 0x2E80  # from here on characters are about as wide as high

TEXTS = 2_048  # that are remembered: some drawings hold a few hundred, and most come again in the next
NARROW = 820  # a figure less wide than this has one column of panels
LEFT, RIGHT = 0.6, 340  # the left column's share of a wider one, and what the right has at least
STEP = 20  # pixels of a column of cells, about
LABEL = 100  # and of the names beside them
NAMES = 0.22  # of a panel's width, at most what the names of its rows take, if they are not bold


@lru_cache(TEXTS)
def room(text: str, font: str = "plain") -> float:
    """How many pixels `text` takes in `font` ("plain", "bold", "mono", "mono bold", "title")."""
    size = TITLE if font == "title" else TEXT
    if font.startswith("mono"):
        return size * math.fsum(_MONO if ord(c) < _EAST else 1.0 for c in text)
    em = math.fsum(_em(c) for c in text)
    return size * em * (_BOLD if font in ("bold", "title") else 1.0)


def _em(character: str) -> float:
    code = ord(character)
    if 32 <= code < 127:
        return _WIDTHS[code - 32] / 1000
    return _OTHER if code < _EAST else 1.0


def clean(text: str) -> str:
    """`text` without what no font and no XML has: control characters and lone surrogates, as \\x1b."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@lru_cache(TEXTS)
def fitted(text: str, wide: float, font: str = "plain") -> str:
    """`text`, or as much of its beginning and end as fits `wide` pixels, with … between; no escape is cut."""
    text = clean(text)
    if room(text, font) <= wide:
        return text
    low, high = 0, len(text) - 1
    while low < high:  # how many characters may stay
        middle = (low + high + 1) // 2
        if room(_shortened(text, middle), font) <= wide:
            low = middle
        else:
            high = middle - 1
    return _shortened(text, low)


def _shortened(text: str, kept: int) -> str:
    head, tail = kept // 2, len(text) - (kept - kept // 2)
    while "\\" in text[max(0, head - 3) : head] and ESCAPE.search(text[:head]):
        head -= 1
    while "\\" in text[max(0, tail - 3) : tail] and ESCAPE.search(text[:tail]) and tail < len(text):
        tail += 1
    return f"{text[:head]}…{text[tail:]}"


def told_apart(names: Sequence[str], wide: float, font: str = "plain") -> list[str]:
    """Names of at most `wide` pixels: of what the long ones have in common, the end goes first.

    What tells them apart stays, and so does the number of an fd at the beginning.
    """
    names = [clean(name) for name in names]
    long = {name: FD.match(name)[0] for name in names if room(name, font) > wide}  # type: ignore[index]
    rests = {name[len(lead) :] for name, lead in long.items()}
    head = tail = ""
    if len(rests) > 1:
        head = os.path.commonprefix(list(rests))
        tail = os.path.commonprefix([rest[len(head) :][::-1] for rest in rests])[::-1]
    own = {name: name[len(lead) + len(head) : len(name) - len(tail)] for name, lead in long.items()}
    end = "…" if len(tail) > 1 else tail
    most = max((room(f"{long[name]}…{part}{end}", font) for name, part in own.items()), default=0.0)
    kept = next((k for k in range(len(head), 0, -1) if most + room(head[:k], font) <= wide), 0)
    begin = head[:kept].rstrip() + "…" if len(head) > max(kept, 1) else head
    short = {name: fitted(f"{long[name]}{begin}{part}{end}", wide, font) for name, part in own.items()}
    short = {name: text.replace("……", "…") for name, text in short.items()}  # cut where it had been cut
    return [short.get(name, name) for name in names]


# ---- columns of iterations -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Columns:
    """`count` iterations from `first` on, side by side, `step` pixels each, from `left` on."""

    first: int
    count: int
    left: float
    step: float

    def x(self, iteration: int) -> float:
        """The left end of an iteration's column."""
        return self.left + (iteration - self.first) * self.step

    @property
    def right(self) -> float:
        return self.left + self.count * self.step


def window(index: int, count: int) -> int:
    """The first of `count` columns that show `index`: moved by half of them, so that columns stand still."""
    half = max(1, count // 2)
    return max(0, (index // half - 1) * half)


def columns(wide: float) -> int:
    """How many iterations stand side by side in panels of `wide` pixels: as many eights as can be read."""
    return max(8, 8 * int((wide - LABEL) / STEP / 8))


# ---- panels ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A panel's rectangle in the figure, and how many iterations the figure shows side by side."""

    name: str
    title: str
    x: float
    y: float
    w: float
    h: float
    count: int


SceneT = TypeVar("SceneT", contravariant=True)


class Placeable(Protocol[SceneT]):
    """What is to be known of a panel to find it a place."""

    name: ClassVar[str]
    title: ClassVar[str]
    column: ClassVar[str]

    def heights(self, scene: SceneT, wide: float, count: int) -> tuple[float, float]:
        """(least, wanted) pixels in a column of `wide` pixels, with `count` iterations side by side."""
        ...


def placed(
    panels: Sequence[Placeable[SceneT]], scene: SceneT, wide: float, most: float | None
) -> list[Place]:
    """A place for each panel: in two columns if both are used and there is room, each as high as it wants.

    If that is higher than `most`, each gives up the same part of what it wants beyond its least.
    """
    both = wide >= NARROW and len({panel.column for panel in panels}) == 2
    split = round(min((wide - GAP) * LEFT, wide - GAP - RIGHT)) if both else wide
    spans = {"left": (0.0, split), "right": (split + GAP, wide - split - GAP) if both else (0.0, wide)}
    stacks = [[p for p in panels if p.column == side] for side in spans] if both else [list(panels)]
    count = columns(split)
    found: dict[int, Place] = {}
    for stack in stacks:
        y = 0.0
        heights = _heights([panel.heights(scene, spans[panel.column][1], count) for panel in stack], most)
        for panel, high in zip(stack, heights, strict=True):
            x, w = spans[panel.column]
            found[id(panel)] = Place(panel.name, panel.title, x, y, w, high, count)
            y += high + GAP
    return [found[id(panel)] for panel in panels]


def _heights(asked: Sequence[tuple[float, float]], most: float | None) -> list[float]:
    wanted = sum(high for _, high in asked)
    least = sum(low for low, _ in asked)
    spare = wanted - least
    given = wanted if most is None else most - GAP * (len(asked) - 1)
    share = 1.0 if given >= wanted or not spare else max(0.0, (given - least) / spare)
    return [round(low + (high - low) * share) for low, high in asked]
