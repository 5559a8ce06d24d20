"""Where every byte is: a pipeline a connection, from the peer through both kernel queues and back."""

from __future__ import annotations

from typing import NamedTuple

from labkit.charts.ink import Font, Words, width
from labkit.figure.panels.panel import Panel, amount, centred, labelled, position
from labkit.tape import narrate
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape

UNKNOWN_CAPACITY = 65_536  # what a full cell stands for where the kernel names no limit


class Place(NamedTuple):
    owner: str
    names: tuple[str, ...]  # the longest that fits is shown


PLACES = (
    Place("peer", ("unsent",)),
    Place("kernel", ("receive queue", "receive", "recv")),
    Place("your program", ("read buffer", "to read", "read")),
    Place("your program", ("write buffer", "to write", "write")),
    Place("kernel", ("send queue", "send")),
    Place("peer", ("unread",)),
)


class Buffers(Panel):
    """The bytes of each connection at six places, and whether they add up."""

    column = "left"
    weight = 1.08

    def build(self) -> None:
        theme, box = self.theme, self.box
        words, _ = self.heading("where every byte is")
        self.left = box.x + theme.label
        self.marks = theme.text * 1.3
        self.step = (box.right - self.left - self.marks) / len(PLACES)
        self.gap = 8
        self.foot = box.bottom - 3 * theme.line - theme.text * 0.2
        self.top = box.y + theme.title + theme.text * 0.7
        self._footer(words)
        self.cells = self.boxes(theme.cell, theme.hairline)
        self.unknown = self.boxes("#ffffff", theme.hairline, hatch="///")
        self.fills = [
            self.boxes(face)
            for face in (theme.far, theme.kernel, theme.taken, theme.given, theme.kernel, theme.far)
        ]
        self.over = self.strokes(theme.ground, 2.5)  # a bar that is longer than its cell is broken
        self.flow = self.strokes(theme.muted, 1.2)
        self.text = self.words()

    def cell(self, place: int) -> tuple[float, float]:
        """(left end, width) of a place's cell."""
        return round(self.left + place * self.step), round(self.step - self.gap)

    def _footer(self, words: Words) -> None:
        theme = self.theme
        first = self.foot + theme.line * 0.95
        for places in ((0,), (1,), (2, 3), (4,), (5,)):
            left, right = self.cell(places[0])[0], sum(self.cell(places[-1]))
            middle = (left + right) / 2
            owner = PLACES[places[0]].owner
            words.add(middle, first, owner, theme.plain, theme.muted, "center", right - left + self.gap)
        for place, (_, names) in enumerate(PLACES):
            left, wide = self.cell(place)
            room = wide + self.gap - theme.text * 0.3
            name = next((n for n in names if width(n, theme.plain) <= room), names[-1])
            words.add(
                left + wide / 2, first + theme.line, name, theme.plain, theme.ink, "center", wide + self.gap
            )

    # ---- one position --------------------------------------------------------------------------------

    def draw(self, tape: Tape, index: int, call: int | None = None) -> None:
        theme = self.theme
        it = position(tape, index, call)
        self.text.clear()
        cells: list[tuple[float, float, float, float]] = []
        unknown: list[tuple[float, float, float, float]] = []
        fills: list[list[tuple[float, float, float, float]]] = [[] for _ in PLACES]
        self._over: list[tuple[float, float, float, float]] = []
        self._flow: list[tuple[float, float, float, float]] = []
        fds = connections(it) if it is not None else []
        if it is not None and fds:
            tall, under, most = self._rows(len(fds))
            kept = chosen(it, fds, most)
            left_out = len(fds) - len(kept)
            for row, fd in enumerate(kept):
                self._row(it, fd, self.top + row * tall, tall, under, cells, unknown, fills)
            if left_out or not under:
                self._last_line(it, call, kept, left_out)
            self._capacities(it, kept)
        else:
            middle = self.top + theme.line
            self.text.add(self.left, middle, "no connection yet", theme.plain, theme.muted)
        self.cells.hold(cells)
        self.unknown.hold(unknown)
        for artist, boxes in zip(self.fills, fills, strict=True):
            artist.hold(boxes)
        self.over.hold(self._over)
        self.flow.hold(self._flow)

    def _rows(self, count: int) -> tuple[float, bool, int]:
        """(pixels a row, whether each has its equation under it, how many rows fit)."""
        theme = self.theme
        tall = self.foot - self.top
        with_equation = theme.text + 8 + theme.line + 4
        if count <= int(tall // with_equation):
            rows = min(int(tall // with_equation), 3 if count <= 3 else 99)
            return min(tall / rows, with_equation + theme.text), True, count
        tall -= theme.line  # the last line
        most = max(1, int(tall // (theme.text + 5)))
        rows = most if count > most // 2 else max(most // 2, 1)
        return min(tall / rows, theme.text * 2.4), False, most

    def _row(
        self,
        it: Iteration,
        fd: int,
        top: float,
        tall: float,
        under: bool,
        cells: list[tuple[float, float, float, float]],
        unknown: list[tuple[float, float, float, float]],
        fills: list[list[tuple[float, float, float, float]]],
    ) -> None:
        theme = self.theme
        high = tall - (theme.line + 5 if under else 3)
        middle = top + high / 2
        baseline = centred(middle, theme.text)
        right = self.left - theme.text * 0.7
        touched = fd in it.ready or any(each.fd == fd for each in it.calls)
        font = theme.bold if touched else theme.plain
        name = labelled(it, fd)
        self.text.add(right, baseline, name, font, theme.ink, "right", right - self.box.x)
        limits = capacities(it, fd)
        for place, count in enumerate(held(it, fd)):
            left, wide = self.cell(place)
            if count is None:
                unknown.append((left, top, wide, high))
                self._plate(left, wide, baseline, "–", fills=None)
                continue
            cells.append((left, top, wide, high))
            limit = limits[place] or UNKNOWN_CAPACITY
            if count:
                inside = wide - 2
                fills[place].append((left + 1, top + 1, max(3, inside * min(1, count / limit)), high - 2))
                if count > limit:
                    end = left + wide - 7
                    self._over += [(end + x - 2, top + high, end + x + 2, top) for x in (0, 5)]
                self._plate(left, wide, baseline, fitted(count, wide - 9, theme.plain), fills=place)
            if place < 5 and place != 2:
                end, reach = left + wide + self.gap - 1, min(3.0, self.gap / 2)
                self._flow += [
                    (end - reach - 1, middle - reach, end - 1, middle),
                    (end - reach - 1, middle + reach, end - 1, middle),
                ]
        self._verdict(it, fd, top, high, under)

    def _plate(self, left: float, wide: float, baseline: float, text: str, fills: int | None) -> None:
        self.text.add(left + 5, baseline, text, self.theme.plain, self.theme.ink, room=wide - 6)

    # ---- whether the bytes add up --------------------------------------------------------------------

    def _verdict(self, it: Iteration, fd: int, top: float, high: float, under: bool) -> None:
        theme = self.theme
        sign, colour, _ = verdict(it, fd, theme.good, theme.bad, theme.muted)
        x = self.box.right - self.marks / 2
        self.text.add(x, centred(top + high / 2, theme.text), sign, theme.bold, colour, "center")
        if under:
            text = self._equation(it, fd, "", self.box.w)
            x = max(self.box.x, min(self.left, self.box.right - width(text, theme.plain)))
            self.text.add(x, top + high + theme.line * 0.85, text, theme.plain, colour)

    def _equation(self, it: Iteration, fd: int, prefix: str, room: float) -> str:
        theme = self.theme
        sign, _, why = verdict(it, fd, "", "", "")
        variants = [f"{prefix}{sign} {why}"]
        if it.balance(fd) is not None:
            numbers = narrate.equation(it.accounts[fd], it.queues[fd])
            variants = [
                f"{prefix}{sign} {why}: {numbers}",
                f"{prefix}{sign} {numbers}",
                f"{sign} {numbers}",
                *variants,
            ]
        for text in variants:
            if width(text, theme.plain) <= room:
                return text
        return f"{sign} {why}" if width(f"{sign} {why}", theme.plain) <= room else sign

    def _last_line(self, it: Iteration, call: int | None, kept: list[int], left_out: int) -> None:
        theme, box = self.theme, self.box
        baseline = self.foot - theme.text * 0.35
        room = box.w
        if left_out:
            more = f"… {left_out:,} more"
            room -= theme.text + self.text.add(box.right, baseline, more, theme.plain, theme.muted, "right")
        focus = self._focus(it, call, kept)
        if focus is not None:
            _, colour, _ = verdict(it, focus, theme.good, theme.bad, theme.muted)
            text = self._equation(it, focus, f"{focus}: ", room)
            x = max(box.x, min(self.left, box.x + room - width(text, theme.plain)))
            self.text.add(x, baseline, text, theme.plain, colour, room=room)

    def _focus(self, it: Iteration, call: int | None, kept: list[int]) -> int | None:
        """The connection whose equation is written out: one that fails, else the one that was touched."""
        wrong = [fd for fd in kept if it.balance(fd) is False]
        if wrong:
            return wrong[0]
        if call and call <= len(it.calls) and it.calls[call - 1].fd in kept:
            return it.calls[call - 1].fd
        touched = [each.fd for each in it.calls if each.fd in kept] or [fd for fd in it.ready if fd in kept]
        return next(iter(touched or kept), None)

    def _capacities(self, it: Iteration, kept: list[int]) -> None:
        theme = self.theme
        baseline = self.foot + theme.line * 2.95
        limits = [capacities(it, fd) for fd in kept]
        for place in range(len(PLACES)):
            left, wide = self.cell(place)
            room = wide + self.gap - theme.text * 0.3
            if place in (2, 3):
                text = "no limit"
                if width(text, theme.plain) > room:
                    text = "∞"
            else:
                known = sorted({size for each in limits if (size := each[place]) is not None})
                if not known:
                    continue
                sign = "of " if len(known) == 1 else "≤ "
                text = sign + fitted(known[-1], room - width(sign, theme.plain), theme.plain)
                if width(text, theme.plain) > room:
                    text = fitted(known[-1], room, theme.plain)
            self.text.add(
                left + wide / 2, baseline, text, theme.plain, theme.muted, "center", wide + self.gap - 2
            )


def connections(it: Iteration) -> list[int]:
    """The fds that are connections: not the listener, not the pair of sockets that wakes a loop."""
    sure = [
        fd
        for fd, queues in it.queues.items()
        if fd in it.accounts or fd in it.capacity or queues.send_queue is not None
    ]
    return sorted(sure or (fd for fd, queues in it.queues.items() if queues.recv_queue is not None))


def chosen(it: Iteration, fds: list[int], most: int) -> list[int]:
    """Of `fds` the `most` that say most: those that this iteration touched, then those that hold bytes."""
    if len(fds) <= most:
        return fds
    touched = {*it.ready, *(each.fd for each in it.calls), *(fd for fd, _ in it.errors)}
    order = sorted(
        fds, key=lambda fd: (it.balance(fd) is not False, fd not in touched, not any(held(it, fd)), fd)
    )
    return sorted(order[:most])


def held(it: Iteration, fd: int) -> tuple[int | None, ...]:
    """Bytes at the six places; None where nobody says."""
    queues, account = it.queues[fd], it.accounts.get(fd)
    near = (queues.recv_queue, queues.read_buffer, queues.write_buffer, queues.send_queue)
    if account is None or not account.open:
        return None, *near, None
    return account.peer_unsent, *near, account.peer_unread


def capacities(it: Iteration, fd: int) -> tuple[int | None, ...]:
    limits = it.capacity.get(fd)
    if limits is None:
        return (None,) * 6
    widest = max((each for each in limits if each), default=None)
    return limits.peer_unsent, limits.recv_queue, widest, widest, limits.send_queue, limits.peer_unread


def verdict(it: Iteration, fd: int, good: str, bad: str, unsure: str) -> tuple[str, str, str]:
    """(sign, colour, words) of the conservation law on one connection."""
    balance, account = it.balance(fd), it.accounts.get(fd)
    if balance is not None:
        return ("✓", good, "every byte accounted for") if balance else ("✗", bad, "BYTES ARE MISSING")
    if account is None:
        return "–", unsure, "the kernel does not say what its peer holds"
    if not account.open:
        return "–", unsure, "its peer's end is closed"
    if account.moving:
        return "~", unsure, "the peer was moving"
    return "–", unsure, "the kernel does not say"


def fitted(count: int, room: float, font: Font) -> str:
    """`count` exactly if that fits, else as short as it must be: `8,192`, `8.2 K`, `8K`."""
    short = amount(count, room=0)
    number, _, unit = short.partition(" ")
    for text in (amount(count), short, f"{float(number):.0f}{unit}" if unit else short):
        if width(text, font) <= room:
            break
    return text
