"""The fd sets: a row an fd, a column an iteration; an outline where the loop asked, solid where it was ready.

Read, write and exceptional have a place of their own in a column, from left to right. With many fds the rows
get so low that they read as a heat map, cell for cell the same.
"""

from __future__ import annotations

import errno
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from labkit.figure.layout import NAMES, Columns, Place, room, told_apart
from labkit.figure.marks import Mark, Part
from labkit.figure.panels.axis import FLAG, axis
from labkit.figure.panels.panel import HEAD, Panel, Scene, labelled
from labkit.figure.theme import EVENTS, LINE
from labkit.tape.iteration import Iteration
from labkit.tape.turn import EVENTS as FLAGS
from labkit.tape.turn import Call, Event

AGAIN = (errno.EAGAIN, errno.EWOULDBLOCK)
WRITES = frozenset(["connect", "write", "writev"])  # and all that begin with send
TIERS = (4, 8, 12, 16, 24)  # rows that are kept free, so that a new fd seldom moves the others
MAPS = [size << by for by in range(4, 14) for size in (2, 3)]  # and in a heat map: 32, 48, 64, 96, …
ROW, LOW = 20, 13  # pixels of a row, and of one in a figure that must be low
MAP = 320  # pixels of a heat map
OUTLINED = 7  # from this height of a row on, cells have outlines and crosses
SEEN = 3  # pixels that a ready cell takes at least, however low its row
TOP = HEAD + LINE + 5  # where the rows begin
UNDER = LINE + FLAG + 3  # what the axis takes under them


class Rows(NamedTuple):
    """Which fd stands in which row, how high a row is, and which events have a place in a column."""

    fds: tuple[int, ...]
    high: float
    bits: tuple[int, ...]
    step: float


class FdSets(Panel):
    """Interest set and ready set of the iterations around the position, and what the kernel holds now."""

    name = "fd sets"
    title = "fd sets, one column per iteration"
    column = "left"

    def heights(self, scene: Scene, wide: float, count: int) -> tuple[float, float]:
        fds = fds_of(scene.column(count)[1])
        rows = next((tier for tier in TIERS if len(fds) <= tier), 0)
        return TOP + UNDER + (rows * LOW or MAP / 2), TOP + UNDER + (rows * ROW or MAP)

    def parts(self, scene: Scene, place: Place) -> Iterator[Part]:
        first, turns = scene.column(place.count)
        fds = fds_of(turns)
        tall = place.h - TOP - UNDER
        high = min(ROW + 6.0, tall / next((tier for tier in (*TIERS, *MAPS) if len(fds) <= tier), len(fds)))
        every = 1 if high >= LOW - 1 else int(-(-LINE // high))  # rows from label to label
        names = told_apart([labelled(_latest(turns, fd, scene), fd) for fd in fds[::every]], place.w * NAMES)
        label = min(place.w * NAMES, max([60.0, *(room(name) for name in names)])) // 12 * 12 + 20
        grid = Columns(first, place.count, label, (place.w - label) // (place.count + 1))
        rows = Rows(fds, high, bits_of(turns), grid.step)
        foot = TOP + tall
        x, y = place.x, place.y
        head = place.w, label, rows.bits, scene.now is not None, high < OUTLINED
        yield Part("head", x, y, head, lambda: self._head(place, *head[1:]))
        for part in axis(self, scene, grid, TOP, foot):
            yield part._replace(x=x, y=y)
        asked = scene.it.interest if scene.it is not None else {}
        named = [(fd, name, fd in asked) for fd, name in zip(fds[::every], names, strict=True)]
        of = tuple(named), high, every, label
        yield Part("names", x, y + TOP, of, lambda: self._names(named, high * every, high, label - 8))
        for turn in turns:
            if turn is not None:
                calls, at = scene.calls(turn), x + grid.x(turn.index)
                own = rows._replace(fds=fds[: bisect_right(fds, last_of(turn))])  # a later fd changes nothing
                told = turn.index, len(calls), own
                yield Part(f"column {turn.index}", at, y + TOP, told, partial(self._column, turn, calls, own))
        yield from self._now(scene, grid, rows, x, y)

    # ---- its parts -----------------------------------------------------------------------------------

    def _head(self, place: Place, label: float, bits: Sequence[int], now: bool, low: bool) -> list[Mark]:
        marks = [self.heading(place)]
        where = ("left", "right") if len(bits) == 2 else ("left", "middle", "right")
        events = [
            (f"cell ready {EVENTS[bit]}", f"{EVENTS[bit]}, {side}")
            for bit, side in zip(bits, where, strict=True)
        ]
        entries = [("legend asked", "asked"), ("legend ready", "ready"), ("legend eagain", "EAGAIN"), *events]
        if low:
            ready = [(role, f"ready: {text}") for role, text in events]
            entries = [("legend low asked", "asked"), ("bar cpu", "EAGAIN"), *ready]
        if now:
            entries.append(("now column", "held now"))
        if math.fsum(room(text) + 34 for _, text in entries) > place.w:
            entries = [(role, text.partition(",")[0].removeprefix("ready: ")) for role, text in entries]
        words = math.fsum(room(text) for _, text in entries)
        step = max(20.0, min(34.0, (place.w - words) / len(entries)))  # a swatch, and space on both sides
        x = max(0.0, min(label, place.w - words - step * len(entries)))
        for role, text in entries:
            marks.append(self.box("swatch", role, (x, HEAD + 3, 12, 12), text=text))
            marks.append(self.says("legend", "", x + 17, HEAD, room(text) + 1, text))
            x += room(text) + step
        return marks

    def _names(
        self, named: Sequence[tuple[int, str, bool]], step: float, high: float, right: float
    ) -> list[Mark]:
        """Each name beside the middle of its row; muted if the loop does not ask about it now."""
        if not named:
            return [self.says("text", "muted", right + 8, 0, 240, "the loop asks about nothing")]
        return [
            self.says("label", "" if here else "muted", 0, row * step + (high - LINE) / 2, right, name, fd=fd)
            for row, (fd, name, here) in enumerate(named)
        ]

    def _column(self, turn: Iteration, calls: Sequence[Call], rows: Rows) -> list[Mark]:
        """A cell for each fd and event: the strongest of asked < ready < EAGAIN, the weaker painted first."""
        row_of = {fd: row for row, fd in enumerate(rows.fds)}
        again = {(call.fd, event_of(call)) for call in calls if call.errno in AGAIN}
        found: dict[str, list[Mark]] = {"asked": [], "ready": [], "eagain": []}
        wide = (rows.step - 2) / len(rows.bits) - 1
        ready = {fd: int(events) for fd, events in turn.ready.items()}  # an IntFlag is slow to mask
        asked = {fd: int(events) for fd, events in turn.interest.items()}
        names = {fd: labelled(turn, fd) for fd in row_of}
        for place, bit in enumerate(rows.bits):
            x = 1 + place * (wide + 1)
            for fd, row in row_of.items():
                state = "eagain" if (fd, bit) in again else "ready" if ready.get(fd, 0) & bit else "asked"
                if state != "asked" or asked.get(fd, 0) & bit:
                    box = _cell(x, row, wide, rows.high, state)
                    text = f"{names[fd]}: {EVENTS[bit]} {SAYS[state]}"
                    found[state].append(
                        Mark(self.name, "cell", fd, turn.index, FLAGS[bit], state, None, box, text)
                    )
        failed = [
            self.box("error", "", (0, row_of[fd] * rows.high, rows.step, rows.high), fd=fd,
                     iteration=turn.index, text=text)
            for fd, text in turn.errors if fd in row_of
        ]  # fmt: skip
        return [*found["asked"], *found["ready"], *found["eagain"], *failed]

    def _now(self, scene: Scene, grid: Columns, rows: Rows, x: float, y: float) -> Iterator[Part]:
        """The pale column after the newest iteration: what a wait would be told at this moment."""
        if scene.now is None or scene.index < grid.first:
            return
        now = tuple((fd, int(events)) for fd, events in scene.now.ready.items() if fd in rows.fds)
        yield Part("now", x + grid.x(scene.index + 1), y + TOP, (now, rows), lambda: self._held(now, rows))

    def _held(self, ready: Sequence[tuple[int, int]], rows: Rows) -> list[Mark]:
        high = rows.high * len(rows.fds)
        marks = [self.box("now", "column", (0, -3, rows.step, high + 6), text="what the kernel holds now")]
        wide = (rows.step - 2) / len(rows.bits) - 1
        for fd, events in ready:
            for place, bit in enumerate(rows.bits):
                if events & bit:
                    box = _cell(1 + place * (wide + 1), rows.fds.index(fd), wide, rows.high, "ready")
                    text = f"fd {fd}: {EVENTS[bit]} would be ready now"
                    marks.append(self.box("now", "ready", box, fd=fd, event=FLAGS[bit], text=text))
        return marks


SAYS = {"asked": "asked, not ready", "ready": "ready", "eagain": "EAGAIN"}


def _cell(x: float, row: int, wide: float, high: float, state: str) -> tuple[float, float, float, float]:
    tall = high - 2 if high >= LOW - 1 else high - 1 if high > 6 else high
    if state != "asked" and tall < SEEN:
        return x, row * high + (high - SEEN) / 2, wide, SEEN
    return x, row * high + (high - tall) / 2, wide, tall


def fds_of(turns: Sequence[Iteration | None]) -> tuple[int, ...]:
    """Every fd that was asked about, ready, or would have blocked, in order."""
    fds = {fd for interest in _interests(turns) for fd in interest}
    for turn in turns:
        if turn is not None:
            fds.update(turn.ready)
            fds.update(call.fd for call in turn.calls if call.errno in AGAIN)
    return tuple(sorted(fds))


def last_of(turn: Iteration) -> int:
    """The largest of them in one iteration; −1 if there is none."""
    return max((*turn.interest, *turn.ready, *(c.fd for c in turn.calls if c.errno in AGAIN)), default=-1)


def bits_of(turns: Sequence[Iteration | None]) -> tuple[int, ...]:
    """READ and WRITE, and EXCEPT if it was asked or told."""
    told = [turn.ready for turn in turns if turn is not None]
    beyond = any(int(mask) & 4 for masks in (*_interests(turns), *told) for mask in masks.values())
    return (1, 2, 4) if beyond else (1, 2)


def _interests(turns: Sequence[Iteration | None]) -> list[Mapping[int, Event]]:
    """The interest sets, each once: while nothing changes, iterations share one object."""
    return list({id(turn.interest): turn.interest for turn in turns if turn is not None}.values())


def event_of(call: Call) -> int:
    """The event whose absence makes a call return EAGAIN."""
    return 2 if call.name.startswith("send") or call.name in WRITES else 1


def _latest(turns: Sequence[Iteration | None], fd: int, scene: Scene) -> Iteration | None:
    """The iteration whose name for an fd is shown: the current one, or the first that knew it."""
    if scene.it is not None and fd in scene.it.names:
        return scene.it
    return next((turn for turn in turns if turn is not None and fd in turn.names), None)
