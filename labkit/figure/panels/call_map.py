"""The map of a program as it ran: which method called which, and how often, up to a position of the tape.

An edge is drawn only where the tape says that one called the other. It knows tapes, and no program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from labkit.figure.layout import Place, room
from labkit.figure.marks import Mark, Part
from labkit.figure.panels.panel import HEAD, Panel, Scene
from labkit.figure.theme import LINE
from labkit.tape.tape import Tape
from labkit.tape.turn import callers

COUNTED = 5000  # iterations before the position; a longer tape is counted from there on
INDENT = 18  # pixels from a method to what it calls
TIERS = (6, 10, 14, 20)
Pairs = Counter[tuple[str, str]]


class Row(NamedTuple):
    name: str
    caller: str  # "" for what nobody was seen to call
    depth: int
    times: int
    now: int  # of them in this iteration
    seen: bool  # what it calls is listed further up


class CallMap(Panel):
    """Methods under the methods that called them, with a bar for how often."""

    name = "call map"
    title = "who calls whom"
    column = "left"

    def __init__(self) -> None:
        self._known: tuple[Tape, int, int] | None = None  # tape, from, up to (excluded): what was counted
        self._pairs: Pairs = Counter()

    def heights(self, scene: Scene, wide: float, count: int) -> tuple[float, float]:
        rows = len(tree(self._count(scene), Counter()))
        tier = next((tier for tier in TIERS if rows <= tier), TIERS[-1])
        return HEAD + LINE * 6, HEAD + LINE * (tier + 1)

    def parts(self, scene: Scene, place: Place) -> Iterator[Part]:
        rows = tuple(tree(self._count(scene), this(scene)))
        of = rows, place.w, place.h
        yield Part("map", place.x, place.y, of, lambda: self._map(rows, place))

    def _map(self, rows: Sequence[Row], place: Place) -> list[Mark]:
        marks = [self.heading(place)]
        if not rows:
            return [*marks, self.says("text", "muted", 0, HEAD, place.w, "no call was made yet")]
        x = 0.0
        for role, text in (("count", "calls up to here"), ("count now", "calls in this iteration")):
            marks.append(self.box("swatch", role, (x, HEAD + 3, 12, 12), text=text))
            marks.append(self.says("legend", "", x + 17, HEAD, room(text) + 1, text))
            x += room(text) + 34
        marks.append(self.says("legend", "", x, HEAD, place.w - x, "└ called by; ↑ see above"))
        fits = int((place.h - HEAD) // LINE) - 1
        shown = rows if len(rows) <= fits else rows[: fits - 1]
        most = max(row.times for row in rows) or 1
        names = max(row.depth * INDENT + room(row.name, "mono bold") for row in shown) + 24
        left = min(names, place.w * 0.6)
        full = place.w - left - room(f"{most:,}, {most:,} now") - 12
        trunk: dict[int, float] = {}  # depth → where the line down from its last row begins
        for number, row in enumerate(shown):
            y = HEAD + LINE + number * LINE
            marks += self._edges(row, y, trunk)
            marks += self._row(row, y, left, full * row.times / most, full * row.now / most)
            trunk[row.depth] = y + LINE - 2
        if len(shown) < len(rows):
            y = HEAD + LINE + len(shown) * LINE
            marks.append(self.says("text", "muted", 0, y, place.w, f"… {len(rows) - len(shown)} more"))
        return marks

    def _edges(self, row: Row, y: float, trunk: dict[int, float]) -> Iterator[Mark]:
        if row.depth:
            x, above, text = row.depth * INDENT, trunk[row.depth - 1], f"{row.caller} → {row.name}"
            yield self.box("edge", "", (x - 10, above, 0, y + LINE / 2 - above), value=row.times, text=text)
            yield self.box("edge", "", (x - 10, y + LINE / 2, 8, 0), value=row.times, text=text)

    def _row(self, row: Row, y: float, left: float, times: float, now: float) -> Iterator[Mark]:
        x = row.depth * INDENT
        state = "mono bold" if row.now else "mono" if not row.depth else "mono muted"
        yield self.says(
            "method", state, x, y, left - x - 4, f"{row.name} ↑" if row.seen else row.name, value=row.times
        )
        if row.times:
            yield self.box("count", "", (left, y + 3, times, LINE - 6), value=row.times, text=row.name)
            yield self.box("count", "now", (left, y + 3, now, LINE - 6), value=row.now, text=row.name)
            said = f"{row.times:,}, {row.now:,} now" if row.now else f"{row.times:,}"
            yield self.says("text", "muted", left + times + 6, y, room(said) + 1, said)

    def _count(self, scene: Scene) -> Pairs:
        """Pairs up to the position: what was counted for an earlier one is not counted again."""
        tape, index = scene.tape, scene.index
        first = max(tape.dropped, index + 1 - COUNTED)
        known = self._known
        if known is None or known[0] is not tape or not (known[1] >= first and known[2] <= index):
            self._pairs, known = Counter(), (tape, first, first)
        for at in range(known[2], index):
            try:
                self._pairs.update(callers(tape.iteration(at).calls))
            except IndexError:  # the ring let it go meanwhile
                continue
        self._known = tape, known[1], max(known[2], index)
        return self._pairs + this(scene)


def this(scene: Scene) -> Pairs:
    """Pairs of the iteration that is shown, as far as it went."""
    return Counter(callers(scene.it.calls)[: scene.call]) if scene.it is not None else Counter()


def tree(pairs: Pairs, now: Pairs) -> list[Row]:
    """Callees under their callers, from those that nobody recorded calls; what one calls is listed once."""
    below: dict[str, list[str]] = {}
    for caller, callee in pairs:
        below.setdefault(caller, []).append(callee)
    called = {callee for _, callee in pairs}
    rows: list[Row] = []
    listed: set[str] = set()

    def add(name: str, caller: str, depth: int) -> None:
        again = name in listed and name in below
        rows.append(Row(name, caller, depth, pairs[caller, name], now[caller, name], again))
        if again:
            return
        listed.add(name)
        for callee in below.get(name, ()):
            add(callee, name, depth + 1)

    roots = list(dict.fromkeys(caller for caller, _ in pairs if caller not in called))
    for root in roots or list(below)[:1]:
        add(root, "", 0)
    return rows
