"""The fd sets: a row an fd, a column an iteration; an outline where the loop asked, solid where it was told.

With more fds than rows of text fit, the rows become a heat map, in the end of several fds a row.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

import numpy as np

from labkit.charts.ink import Boxes, Strokes, Words, crosses, rgba, width
from labkit.figure.axis import Columns
from labkit.figure.panels.panel import Panel, centred, labelled, window
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape
from labkit.tape.turn import Call

READ, WRITE, EXCEPT = 1, 2, 4
WRITES = frozenset(["send", "sendto", "sendmsg", "write", "connect"])
BLOCKED = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINPROGRESS)
TITLE = "fd sets, one column per iteration"
HEAT_ROW = 5  # pixels at least
BELOW, BESIDE = ", below", ", to the right"


class FdSets(Panel):
    """Interest set and ready set of the iterations around the position."""

    column = "left"
    weight = 0.92

    def build(self) -> None:
        theme, box = self.theme, self.box
        words, baseline = self.heading(TITLE)
        top = box.y + theme.title + theme.gap * 0.4 + theme.line
        self.grid = Columns(self, box.x + theme.label, top, box.right, box.bottom - theme.line)
        self._legend(words, baseline + theme.line + 1)
        self.heat = self.picture()
        self.interest = {
            READ: self.boxes(edge=theme.read),
            WRITE: self.boxes(edge=theme.write),
            EXCEPT: self.boxes(edge=theme.special),
        }
        self.ready = {
            READ: self.boxes(face=theme.read),
            WRITE: self.boxes(face=theme.write),
            EXCEPT: self.boxes(face=theme.special),
        }
        self.failed = self.boxes(edge=theme.bad, line=2)
        self.halo = self.strokes(theme.ground, 4.5)
        self.again = self.strokes(theme.ink, 2.0)
        self.names = self.words()

    def _legend(self, words: Words, baseline: float) -> None:
        theme, box = self.theme, self.box
        side = round(theme.text * 0.72)
        near, far = theme.text * 0.35, theme.text * 0.8
        entries = [
            (None, theme.read, "asked"),
            (theme.read, None, "ready"),
            (None, None, "EAGAIN"),
            (theme.read, None, "read"),
            (theme.write, None, "write"),
        ]
        room = box.right - box.x - width(BESIDE, theme.plain)

        def needed() -> float:
            return sum(side + near + width(text, theme.plain) + far for *_, text in entries) - far

        if needed() > box.w:  # the calls say EAGAIN in words
            del entries[2]
        x = self.grid.left if needed() <= room - self.grid.left + box.x else box.x
        for face, edge, text in entries:
            if face or edge:
                made = Boxes(face, edge)
                made.hold([(x, baseline - side, side, side)])
                self.fixed(made)
            else:
                cross = Strokes(theme.ink, 2.0)
                cross.hold(crosses([(x + side / 2, baseline - side / 2)], side * 0.38))
                self.fixed(cross)
            x += side + near
            x += words.add(x, baseline, text, theme.plain, theme.muted) + far
        self.legend_end = x - far, baseline

    def _where_writes_are(self, text: str) -> None:
        theme = self.theme
        x, baseline = self.legend_end
        if x + width(text, theme.plain) <= self.box.right:
            self.names.add(x, baseline, text, theme.plain, theme.muted)

    # ---- one position --------------------------------------------------------------------------------

    def draw(self, tape: Tape, index: int, call: int | None = None) -> None:
        first, turns = window(tape, index, self.grid.count)
        self.grid.mark(first, index)
        fds = sorted({fd for turn in turns if turn is not None for fd in turn.interest})
        rows = self._row_height(len(fds))
        self.names.clear()
        self.heat.paint(0, 0, None)
        for artist in (*self.interest.values(), *self.ready.values(), self.failed, self.again, self.halo):
            artist.hold(())
        now = next((turn for turn in turns if turn is not None and turn.index == index), None)
        if not fds:
            text = "no iteration is recorded yet" if now is None else "the loop asks about nothing"
            middle = (self.grid.top + self.grid.bottom) / 2
            self.names.add(self.grid.left, middle, text, self.theme.plain, self.theme.muted)
        elif rows:
            self._cells(fds, turns, now, rows)
        else:
            self._heat_map(fds, turns, now)

    def _row_height(self, count: int) -> float:
        """Pixels a row, in steps, so that a new fd seldom moves the others; 0 if names do not fit."""
        tall = self.grid.bottom - self.grid.top
        least = self.theme.text + 4
        most = int(tall // least)
        for rows in sorted({*(tier for tier in (4, 6, 8, 12, 16) if tier < most), most}):
            if count <= rows:
                return min(tall / rows, 2 * self.grid.step + 8)
        return 0

    def _cells(
        self, fds: list[int], turns: Sequence[Iteration | None], now: Iteration | None, tall: float
    ) -> None:
        grid = self.grid
        exceptional = any(
            int(events) & EXCEPT
            for turn in turns
            if turn is not None
            for events in set(turn.interest.values())
        )
        kinds = (READ, WRITE, EXCEPT) if exceptional else (READ, WRITE)
        beside = tall < 1.8 * self.theme.text  # too low for cells one below the other
        self._where_writes_are(BESIDE if beside else BELOW)
        if beside:
            wide, side = (grid.step - 2) // len(kinds), int(tall) - 4
            offset = {kind: (place * wide, 0) for place, kind in enumerate(kinds)}
            wide -= 1
        else:
            wide, side = grid.step - 2, min(grid.step - 2, int((tall - 3) // len(kinds)) - 1)
            offset = {kind: (0, place * (side + 1)) for place, kind in enumerate(kinds)}
        above = (tall - side if beside else tall - len(kinds) * (side + 1)) / 2
        tops = {fd: round(grid.top + row * tall + above) for row, fd in enumerate(fds)}
        asked: dict[int, list[tuple[float, float, float, float]]] = {kind: [] for kind in kinds}
        ready: dict[int, list[tuple[float, float, float, float]]] = {kind: [] for kind in kinds}
        marks, failed = [], []
        for column, turn in enumerate(turns):
            if turn is None:
                continue
            x = grid.x(column) + 1
            told = turn.ready
            for fd, events in turn.interest.items():
                mask, heard = int(events), int(told.get(fd, 0))  # an IntFlag is slow to mask
                for kind in kinds:
                    if mask & kind:
                        cell = (x + offset[kind][0], tops[fd] + offset[kind][1], wide, side)
                        (ready if heard & kind else asked)[kind].append(cell)
            for fd, kind in blocked(turn.calls):
                if fd in tops:
                    right, below = offset[kind]
                    marks.append((x + right + wide / 2, tops[fd] + below + side / 2))
            high = side + 2 if beside else len(kinds) * (side + 1) + 1
            failed += [(x - 1, tops[fd] - 1, grid.step, high) for fd, _ in turn.errors if fd in tops]
        for kind in kinds:
            self.interest[kind].hold(asked[kind])
            self.ready[kind].hold(ready[kind])
        arm = min(wide, side) * 0.3
        self.halo.hold(crosses(marks, arm))
        self.again.hold(crosses(marks, arm))
        self.failed.hold(failed)
        for row, fd in enumerate(fds):
            low = beside or side < self.theme.text
            middle = grid.top + (row + 0.5) * tall if low else tops[fd] + side / 2
            self._name(middle, fd, turns, now)

    def _name(self, middle: float, fd: int, turns: Sequence[Iteration | None], now: Iteration | None) -> None:
        theme = self.theme
        here = now is not None and fd in now.interest
        turn = (
            now if here else next((turn for turn in turns if turn is not None and fd in turn.interest), now)
        )
        text = labelled(turn, fd) if turn is not None else str(fd)
        colour = theme.ink if here else theme.muted
        right = self.grid.left - theme.text * 0.7
        room = right - self.box.x
        self.names.add(right, centred(middle, theme.text), text, theme.plain, colour, "right", room)

    # ---- many fds ------------------------------------------------------------------------------------

    def _heat_map(self, fds: list[int], turns: Sequence[Iteration | None], now: Iteration | None) -> None:
        grid, theme = self.grid, self.theme
        tall = int(grid.bottom - grid.top)
        each = -(-len(fds) // max(1, tall // HEAT_ROW))  # fds a row
        rows = -(-len(fds) // each)
        pixels = min(tall // rows, 24)
        bins = {fd: place // each for place, fd in enumerate(fds)}
        size = np.bincount(list(bins.values()), minlength=rows)
        shades = np.full((rows, grid.count, 2, 3), np.nan)
        seen: dict[int, np.ndarray] = {}
        marks, failed = [], []
        for column, turn in enumerate(turns):
            if turn is None:
                continue
            if id(turn.interest) not in seen:  # unchanged interest sets are one object
                seen[id(turn.interest)] = _tint(turn.interest, bins, rows, theme.read, theme.write)
            shades[:, column] = seen[id(turn.interest)]
            for half, kind, colour in ((0, READ, theme.read), (1, WRITE, theme.write)):
                told = [bins[fd] for fd, events in turn.ready.items() if int(events) & kind and fd in bins]
                if told:
                    share = np.bincount(told, minlength=rows) / size
                    _shade(shades[:, column, half], share, colour)
            x, wide = grid.x(column) + 1, grid.step - 2
            for fd, kind in blocked(turn.calls):
                if fd in bins:
                    half_x = x + wide * (0.75 if kind == WRITE else 0.25)
                    marks.append((half_x, grid.top + (bins[fd] + 0.5) * pixels))
            failed += [(x, grid.top + bins[fd] * pixels, wide, pixels) for fd, _ in turn.errors if fd in bins]
        self._where_writes_are(BESIDE)
        self.heat.paint(grid.left, grid.top, _pixels(shades, pixels, grid.step))
        arm = max(2.0, min(pixels, grid.step / 2) * 0.3)
        self.halo.hold(crosses(marks, arm))
        self.again.hold(crosses(marks, arm))
        self.failed.hold(failed)
        if each > 1:
            baseline, note = self.box.y + theme.title, f"{each} fds a row"
            if width(TITLE, theme.heading) + theme.text + width(note, theme.plain) < grid.right - self.box.x:
                self.names.add(grid.right, baseline, note, theme.plain, theme.muted, "right")
        every = -(-theme.line // pixels)
        for row in range(0, rows, every):
            if row and (rows - row) < every / 2:
                break
            middle = grid.top + (row + min(every, rows - row) / 2) * pixels
            if each == 1 and every == 1:
                self._name(middle, fds[row], turns, now)
                continue
            first, last = fds[row * each], fds[min((row + every) * each, len(fds)) - 1]
            text = f"{first}–{last}" if last > first else f"{first}"
            right = grid.left - theme.text * 0.7
            self.names.add(right, centred(middle, theme.text), text, theme.plain, theme.muted, "right")


def blocked(calls: Sequence[Call]) -> list[tuple[int, int]]:
    """(fd, READ or WRITE) of each call that would have blocked."""
    return [(call.fd, WRITE if call.name in WRITES else READ) for call in calls if call.errno in BLOCKED]


def _mix(colour: str, strength: np.ndarray | float) -> np.ndarray:
    """`colour` on white, 0 to 1."""
    strong = np.array(rgba(colour)[:3])
    mixed: np.ndarray = 1 - np.multiply.outer(np.asarray(strength, float), 1 - strong)
    return mixed


def _tint(asked: object, bins: dict[int, int], rows: int, read: str, write: str) -> np.ndarray:
    """The ground of a column, (rows, 2, 3): a light shade where anything is asked."""
    ground = np.full((rows, 2, 3), np.nan)
    events: dict[int, int] = asked  # type: ignore[assignment]
    for half, kind, colour in ((0, READ, read), (1, WRITE, write)):
        told = {bins[fd] for fd, mask in events.items() if int(mask) & kind and fd in bins}
        if told:
            ground[sorted(told), half] = _mix(colour, 0.14)
    return ground


def _shade(cells: np.ndarray, share: np.ndarray, colour: str) -> None:
    some = share > 0
    cells[some] = _mix(colour, 0.55 + 0.45 * share[some])


def _pixels(shades: np.ndarray, tall: int, step: int) -> np.ndarray:
    """(rows, columns, 2, 3) as a picture: `tall` × `step` pixels a cell, with a gap between cells."""
    rows, columns = shades.shape[:2]
    cells = np.zeros((rows, columns, 2, 4), np.uint8)
    drawn = ~np.isnan(shades[..., 0])
    cells[..., :3] = np.nan_to_num(shades * 255)
    cells[..., 3] = drawn * 255
    half = (step - 2) // 2
    image = np.zeros((rows, tall, columns, step, 4), np.uint8)
    gap = 1 if tall >= 4 else 0
    image[:, : tall - gap, :, 1 : 1 + half] = cells[:, None, :, None, 0]
    image[:, : tall - gap, :, 1 + half : 1 + 2 * half] = cells[:, None, :, None, 1]
    return image.reshape(rows * tall, columns * step, 4)
