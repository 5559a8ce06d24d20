"""A drawing: what a figure shows of one position of a tape, as marks; the same as JSON for a browser.

`Sheet(tape, panels).draw(i)` lays the panels out and asks them for their parts; a part that is made from what
it was made from before is kept, with its JSON, so a frame costs what changed. `Drawing.json()` is the whole:

    {"v": 1, "i": 12, "call": null, "line": null, "first": 0, "last": 12, "w": 1000, "h": 480,
     "says": "Iteration 12: asked about …",
     "panels": [{"name": "fd sets", "title": "fd sets", "box": [x, y, w, h]}, …],
     "layers": [["0 column 12", dx, dy], …],
     "marks": {"0 column 12": [[kind, state, x, y, w, h, text, fd, iteration, event, value], …], …}}

Layers are in painting order; a key begins with its panel's number. The boxes of a layer's marks are relative
to its (dx, dy), in CSS pixels of a figure `w` wide, so a column that moves is the same column. Nulls at the
end of a mark are cut off. How a mark looks is in `theme.table()`. A browser that holds a layer needs only its
place: whoever sends differences compares `Layer.json` with what was sent under that key.

It knows tapes and panels, and neither printers nor who looks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from labkit.figure.layout import Place, clean, placed
from labkit.figure.marks import Mark
from labkit.figure.panels.panel import Finding, Panel, Scene
from labkit.tape import narrate
from labkit.tape.tape import Tape

WIDE = 1000  # CSS pixels of a figure, unless who shows it says otherwise
SOLID = 6  # a cell less high than this has no outline, and may be drawn with its neighbours
ENCODED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
KEPT = 4000  # parts that are remembered


class Layer(NamedTuple):
    """A part of a panel: its marks, relative to (x, y); those that are drawn, and they as JSON.

    `drawn` is `marks`, but for cells so low that they are drawn in one: `joined` says which.
    """

    key: str
    x: float
    y: float
    marks: list[Mark]
    drawn: list[Mark]
    json: str

    def absolute(self, marks: Iterable[Mark]) -> Iterator[Mark]:
        x, y = self.x, self.y
        for mark in marks:
            left, top, wide, high = mark.box
            yield mark._replace(box=(left + x, top + y, wide, high))


@dataclass(frozen=True, slots=True)
class Drawing:
    """One position of a tape, drawn at one width. `first` and `last` are what the tape held."""

    index: int
    call: int | None
    line: int | None
    first: int
    last: int
    width: float
    height: float
    says: str
    panels: tuple[Place, ...]
    layers: tuple[Layer, ...]
    of: Any = None  # while it is equal, what was drawn of another position is true still

    def marks(self) -> list[Mark]:
        """Every mark, in painting order, with boxes of the whole figure."""
        return [mark for layer in self.layers for mark in layer.absolute(layer.marks)]

    def drawn(self) -> list[Mark]:
        """The marks as printers draw them: low cells of one look, one under the other, are one."""
        return [mark for layer in self.layers for mark in layer.absolute(layer.drawn)]

    def head(self) -> dict[str, Any]:
        """What there is to say beside the marks, and the layers' places, as JSON can hold it."""
        return {
            "v": 1,
            "i": self.index,
            "call": self.call,
            "line": self.line,
            "first": self.first,
            "last": self.last,
            "w": self.width,
            "h": self.height,
            "says": self.says,
            "panels": [{"name": p.name, "title": p.title, "box": [p.x, p.y, p.w, p.h]} for p in self.panels],
            "layers": [[layer.key, layer.x, layer.y] for layer in self.layers],
        }

    def json(self) -> bytes:
        """The whole drawing, as the docstring of this file says."""
        marks = ",".join(f"{ENCODED(layer.key)}:{layer.json}" for layer in self.layers)
        return f'{ENCODED(self.head())[:-1]},"marks":{{{marks}}}}}'.encode()


class Sheet:
    """`panels` of a tape. `lines` maps an iteration's index to its Source (labkit.trace), for those traced.

    `findings` are flagged on the axis of iterations. `height` is the most that a drawing may be high, in CSS
    pixels; None for as high as its content.
    """

    def __init__(
        self,
        tape: Tape,
        panels: Sequence[Panel],
        *,
        lines: Mapping[int, Any] | None = None,
        findings: Iterable[Finding] = (),
        height: float | None = None,
    ) -> None:
        self.tape, self.panels, self.height = tape, list(panels), height
        self.lines: Mapping[int, Any] = {} if lines is None else lines
        self.findings = tuple(Finding(*each) for each in findings)
        self._kept: dict[tuple[float, str], tuple[Any, list[Mark], list[Mark], str]] = {}

    def show(self, tape: Tape) -> None:
        """Draw another tape from now on."""
        self.tape = tape
        self._kept.clear()

    def draw(self, i: int, call: int | None = None, line: int | None = None, width: float = WIDE) -> Drawing:
        """Iteration `i` (its own index), all of it, or as it was after `call` calls or before line `line`."""
        scene = Scene.of(self.tape, i, call, line, self.lines.get(i), self.findings)
        places = placed(self.panels, scene, width, self.height)
        layers = [
            layer
            for number, (panel, place) in enumerate(zip(self.panels, places, strict=True))
            for layer in self._layers(number, panel, scene, place)
        ]
        says = clean(narrate.summary(scene.it)) if scene.it is not None else "No iteration is recorded yet."
        high = max((place.y + place.h for place in places), default=0.0)
        first, last = self.tape.dropped, self.tape.dropped + len(self.tape) - 1
        of = id(self.tape), first, last, width, self.height, self.findings
        return Drawing(i, call, line, first, last, width, high, says, tuple(places), tuple(layers), of)

    def _layers(self, number: int, panel: Panel, scene: Scene, place: Place) -> Iterator[Layer]:
        kept = self._kept
        for part in panel.parts(scene, place):
            key = f"{number} {part.key}"
            known = kept.pop((place.w, key), None)
            if known is None or known[0] != part.of:
                marks = part.make()
                drawn = joined(marks)
                known = part.of, marks, drawn, wire(drawn)
            kept[place.w, key] = known  # the last that was used is the last to go
            yield Layer(key, part.x, part.y, *known[1:])
        while len(kept) > KEPT:
            del kept[next(iter(kept))]


def is_low(mark: Mark) -> bool:
    """Whether it has no room for an outline; each of those that are drawn in one, if it is several cells."""
    return mark.box[3] / (mark.kind == "cell" and mark.value or 1) < SOLID


def joined(marks: list[Mark]) -> list[Mark]:
    """Marks, with low cells that touch and look the same in one; its value says how many they are."""
    if not marks or marks[0].kind != "cell" or not is_low(marks[0]):
        return marks
    found: list[Mark] = []
    first, count = 0, len(marks)
    for end in range(1, count + 1):
        if end == count or not _alike(marks[end - 1], marks[end]):
            found.append(_one(marks[first:end]))
            first = end
    return found


def _one(marks: list[Mark]) -> Mark:
    first, last = marks[0], marks[-1]
    if first is last:
        return first
    x, y, w, _ = first.box
    text = f"{len(marks):,} fds, {first.fd} to {last.fd}: {last.text.rpartition(': ')[2]}"
    return first._replace(box=(x, y, w, last.box[1] + last.box[3] - y), value=len(marks), text=text)


def _alike(one: Mark, other: Mark) -> bool:
    same = (one.kind, one.state, one.event) == (other.kind, other.state, other.event)
    (x, y, _, h), (left, top, _, _) = one.box, other.box
    return same and x == left and y <= top <= y + h + 0.01


def wire(marks: Iterable[Mark]) -> str:
    """Marks as JSON, without what every mark of a layer has in common."""
    rows = []
    for _, kind, fd, iteration, event, state, value, (x, y, w, h), text in marks:
        row = [kind, state, x, y, w, h, text, fd, iteration, event, value]
        while row[-1] is None:
            row.pop()
        rows.append(row)
    return ENCODED(rows)
