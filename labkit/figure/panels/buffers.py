"""Where every byte is: a row a connection, six places from the peer through both kernel queues and back.

All bars of a row are on one scale (scale() says which), but in a place too small to be seen (LEAST).
In a stepped lab the bytes themselves stand under their bars. It knows a Scene, and neither
sockets nor who sent what.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from labkit.figure.layout import ESCAPE, NAMES, Place, room, told_apart
from labkit.figure.marks import Mark, Part
from labkit.figure.panels.panel import HEAD, Panel, Scene, labelled
from labkit.figure.theme import LINE
from labkit.tape import narrate
from labkit.tape.iteration import Iteration
from labkit.tape.turn import Contents

PLACES = {  # state of a mark → whose it is, what it is called
    "unsent": ("peer", "unsent"),
    "recv_queue": ("kernel", "receive queue"),
    "read_buffer": ("your program", "read buffer"),
    "write_buffer": ("your program", "write buffer"),
    "send_queue": ("kernel", "send queue"),
    "unread": ("peer", "unread"),
}
SHORT = {"receive queue": "receive", "read buffer": "read", "write buffer": "write", "send queue": "send"}
OWNERS = (("peer →", 0, 0), ("kernel →", 1, 1), ("your program", 2, 3), ("→ kernel", 4, 4), ("→ peer", 5, 5))
FEW, FEW_LEAST = 64, 16  # bytes: what is drawn on a scale of its own, and the least that fills its place
DEFAULT = 4096  # bytes of a full place where nothing has a limit and little is held
BAR, SIGN, SPACE = 18, 20, 8  # pixels: a bar's height, the check beside it, between places
LEAST = 24  # pixels of the smallest place; one that would be narrower shows how full it is, not how much
TOP = HEAD + 3 * LINE + 4
TIERS = (1, 2, 3, 4, 6, 8, 12, 16)  # rows that are kept free


class Row(NamedTuple):
    """All that the marks of one connection are made from."""

    fd: int
    label: str
    touched: bool
    held: tuple[int | None, ...]
    limits: tuple[int | None, ...]
    contents: Contents | None
    framing: str
    now: tuple[int | None, ...]  # what the kernel's queues hold by now, if the loop has not looked since
    check: tuple[str, str]  # good, bad or unsure, and why
    y: float
    lines: int  # of text under the bar
    left: float
    step: float


class Buffers(Panel):
    """The bytes of each connection at six places, and whether they add up."""

    name = "buffers"
    title = "where every byte is"
    column = "left"

    def heights(self, scene: Scene, wide: float, count: int) -> tuple[float, float]:
        fds = connections(scene.it) if scene.it is not None else []
        rows = next((tier for tier in TIERS if len(fds) <= tier), TIERS[-1])
        return TOP + min(rows, 3) * (BAR + 4) + LINE, TOP + rows * _high(rows, scene) + (
            LINE if rows > 4 else 0
        )

    def parts(self, scene: Scene, place: Place) -> Iterator[Part]:
        it, x, y = scene.it, place.x, place.y
        fds = connections(it) if it is not None else []
        fits = int((place.h - TOP) // (BAR + 4))
        shown = chosen(it, fds, fits if len(fds) <= fits else fits - 1) if it is not None else []
        names = told_apart([labelled(it, fd) for fd in shown], place.w * NAMES)
        left = max([60.0, *(room(name, "bold") for name in names)]) // 12 * 12 + 22
        step = (place.w - left - SIGN) / len(PLACES)
        rows = next((tier for tier in TIERS if len(shown) <= tier), len(shown))
        tall = min(
            _high(rows, scene), (place.h - TOP - (LINE if len(shown) < len(fds) else 0)) / max(1, rows)
        )
        lines = max(0, int((tall - BAR - 4) // LINE))
        caps = tuple(capacities(it, fd) for fd in shown) if it is not None else ()
        yield Part("head", x, y, (place.w, left, caps), lambda: self._head(place, left, step, caps))
        for number, (fd, name) in enumerate(zip(shown, names, strict=True)):
            row = _row(scene, fd, name, TOP + number * tall, lines, left, step)
            yield Part(f"row {fd}", x, y, row, partial(self._connection, row))
        if len(shown) < len(fds):
            more, foot = len(fds) - len(shown), TOP + len(shown) * tall
            yield Part("more", x, y, (more, foot), lambda: [
                self.says("text", "muted", left, foot, place.w - left, f"… {more:,} more connections")
            ])  # fmt: skip

    # ---- its parts -----------------------------------------------------------------------------------

    def _head(self, place: Place, left: float, step: float, caps: Sequence[Any]) -> list[Mark]:
        marks = [self.heading(place)]
        for text, first, last in OWNERS:
            x, wide = left + first * step, (last - first + 1) * step - SPACE
            said = text if room(text) <= wide else text.strip("→ ")
            marks.append(self.says("text", "centre", x, HEAD, wide, said))
        whole = max(room(name) for _, name in PLACES.values()) <= step
        for number, (_, name) in enumerate(PLACES.values()):
            x, wide = left + number * step, step - SPACE
            text = name if whole else SHORT.get(name, name)
            marks.append(self.says("text", "centre", x - SPACE / 2, HEAD + LINE, step, text))
            limits = {each[number] for each in caps} - {None}
            text = "" if not caps else "no limit" if number in (2, 3) else "–" if not limits else ""
            if limits:
                text = ("of " if len(limits) == 1 else "≤ ") + amount(max(limits), wide - room("of "))
            marks.append(
                self.says("text", "centre", x, HEAD + 2 * LINE, wide, text if room(text) <= wide else "∞")
            )
        if not caps:
            marks.append(self.says("text", "muted", left, TOP, place.w - left, "no connection"))
        return marks

    def _connection(self, row: Row) -> list[Mark]:
        fd, y = row.fd, row.y
        state = "bold" if row.touched else ""
        marks = [self.says("label", state, 0, y + (BAR - LINE) / 2, row.left - 8, row.label, fd=fd)]
        unit = scale(row)
        wide, shown = row.step - SPACE, texts(row.contents, row.framing, row.held)
        for number, (state, (owner, name)) in enumerate(PLACES.items()):
            x, held, limit = row.left + number * row.step, row.held[number], row.limits[number]
            of = min(unit, wide * limit / LEAST) if limit else unit
            room_of = wide if limit is None else min(wide, max(2.0, wide * limit / of))
            known = "unknown" if held is None else state
            said = f"{row.label}: {name} ({owner}), {_said(held, limit)}"
            marks.append(self.box("place", known, (x, y, room_of, BAR), fd=fd, value=limit, text=said))
            box = x, y, min(wide, wide * (held or 0) / of), BAR
            text = said + (f": {shown[number]}" if shown[number] else "")
            marks.append(self.box("bytes", state, box, fd=fd, value=held, text=text))
            if (now := row.now[number]) is not None and now != held:
                here = x, y, min(wide, wide * now / of), BAR
                text = f"{row.label}: {name} ({owner}), now {_said(now, limit)}; the loop has not looked yet"
                marks.append(self.box("now", "bytes", here, fd=fd, value=now, text=text))
            if held:
                edge = room_of if room_of < LEAST + 1 else box[2]  # it stands beside a place too small for it
                text, at = numbered(held, edge, wide)
                marks.append(self.says("amount", "", x + at, y + (BAR - LINE) / 2, wide - at, text, fd=fd))
            for at, text in enumerate(wrapped(shown[number], wide, row.lines - 1)):
                marks.append(self.says("content", state, x, y + BAR + at * LINE, wide, text, fd=fd))
        sign, why = row.check
        right = row.left + len(PLACES) * row.step
        marks.append(self.says("check", sign, right, y + (BAR - LINE) / 2, SIGN, SIGNS[sign], fd=fd))
        if row.lines:
            below = y + BAR + (row.lines - 1) * LINE
            marks.append(
                self.says("check", sign, row.left, below, right - row.left, f"{SIGNS[sign]} {why}", fd=fd)
            )
        return marks


SIGNS = {"good": "✓", "bad": "✗", "unsure": "–"}


def scale(row: Row) -> float:
    """Bytes that a bar as wide as its place stands for, in the whole row: few bytes are not held against
    what the places could hold, or nothing would be seen of them.
    """
    held = [each for each in (*row.held, *row.now) if each]
    if row.contents is not None and max(held, default=0) <= FEW:
        return max([FEW_LEAST, *held])
    return max([*held, *(each for each in row.limits if each)], default=DEFAULT)


def _high(rows: int, scene: Scene) -> float:
    """Pixels a row: with the bytes and the check under the bar while there are few."""
    if rows > 4:
        return BAR + 6
    bytes_too = scene.it is not None and bool(scene.it.contents)
    return BAR + LINE * ((3 if rows <= 2 else 2) if bytes_too else 1) + 8


def _said(held: int | None, limit: int | None) -> str:
    text = "the kernel does not say" if held is None else narrate.plural(held, "byte")
    return text if limit is None else f"{text} of {limit:,}"


def _row(scene: Scene, fd: int, label: str, y: float, lines: int, left: float, step: float) -> Row:
    it = scene.it
    assert it is not None
    calls = scene.calls(it)
    touched = fd in it.ready or any(call.fd == fd for call in calls)
    kernel = scene.now.queues.get(fd) if scene.now is not None else None
    now = (None, kernel.recv_queue, None, None, kernel.send_queue, None) if kernel else (None,) * 6
    return Row(
        fd, label, touched, held(it, fd), capacities(it, fd), it.contents.get(fd),
        scene.tape.about.get("framing", ""), now, verdict(it, fd), y, lines,
        left, step,
    )  # fmt: skip


def connections(it: Iteration) -> list[int]:
    """The fds that are connections: not the listener, not the pair of sockets that wakes a loop."""
    sure = [
        fd
        for fd, queues in it.queues.items()
        if fd in it.accounts or fd in it.capacity or queues.send_queue is not None
    ]
    return sorted(sure or (fd for fd, queues in it.queues.items() if queues.recv_queue is not None))


def chosen(it: Iteration, fds: list[int], most: int) -> list[int]:
    """Of `fds` the `most` that say most: those that do not add up, were touched, or hold bytes."""
    if len(fds) <= most:
        return fds
    touched = {*it.ready, *(each.fd for each in it.calls), *(fd for fd, _ in it.errors)}
    order = sorted(
        fds, key=lambda fd: (it.balance(fd) is not False, fd not in touched, not any(held(it, fd)), fd)
    )
    return sorted(order[: max(0, most)])


def held(it: Iteration, fd: int) -> tuple[int | None, ...]:
    """Bytes at the six places; None where nobody says."""
    queues, account = it.queues[fd], it.accounts.get(fd)
    near = (queues.recv_queue, queues.read_buffer, queues.write_buffer, queues.send_queue)
    if account is None or not account.open:
        return None, *near, None
    return account.peer_unsent, *near, account.peer_unread


def capacities(it: Iteration, fd: int) -> tuple[int | None, ...]:
    """Bytes that each of the six places may hold; None where there is no limit, or nobody says."""
    limits = it.capacity.get(fd)
    if limits is None:
        return (None,) * 6
    return limits.peer_unsent, limits.recv_queue, None, None, limits.send_queue, limits.peer_unread


def verdict(it: Iteration, fd: int) -> tuple[str, str]:
    """The conservation law on one connection: good, bad or unsure, and the numbers or the reason."""
    balance, account = it.balance(fd), it.accounts.get(fd)
    if balance is not None and account is not None:
        numbers = narrate.equation(account, it.queues[fd])
        return ("good", numbers) if balance else ("bad", f"BYTES ARE MISSING: {numbers}")
    if account is None:
        return "unsure", "the kernel does not say what its peer holds"
    if not account.open:
        return "unsure", "its peer's end is closed"
    if account.moving:
        return "unsure", "the peer moved bytes while it was asked"
    return "unsure", "the kernel does not say"


def numbered(count: int, bar: float, wide: float) -> tuple[str, float]:
    """A number of bytes and where it begins: in its bar, or beside it, or shorter; or else across its end."""
    for text in forms(count):
        needs = room(text) + 6
        if needs <= bar or bar + needs <= wide:
            return text, 4.0 if needs <= bar else bar + 4
    return amount(count, wide - 4), 4.0


def amount(count: int, wide: float) -> str:
    """A number of bytes in at most `wide` pixels: `8,192`, else `8.2 K`, else `8K`."""
    texts = forms(count)
    return next((text for text in texts if room(text) <= wide), texts[-1])


def forms(count: int) -> list[str]:
    """The ways to write a number, from exact to short."""
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            return [f"{count:,}", f"{count / size:.1f} {unit}", f"{count / size:.0f}{unit}"]
    return [f"{count:,}"]


# ---- the bytes themselves --------------------------------------------------------------------------------


def texts(contents: Contents | None, framing: str, held: Sequence[int | None]) -> tuple[str, ...]:
    """What each place holds as text, with │ where a message ends; "" where that is not known."""
    if contents is None:
        return ("",) * len(PLACES)
    data = {place: getattr(contents, place) or b"" for place in PLACES}
    ends = set(borders(framing, b"".join(data[place] for place in WAY_IN)))
    shown, start = {place: readable(each, set()) for place, each in data.items()}, 0
    for place in WAY_IN if ends else ():
        shown[place] = readable(data[place], {end - start for end in ends})
        start += len(data[place])
        if len(data[place]) < (held[list(PLACES).index(place)] or 0):  # what follows is not what is behind it
            break
    return tuple(shown[place] for place in PLACES)


def readable(data: bytes, cuts: set[int]) -> str:
    r"""Bytes as a reader would write them, `hello\n`, the rest in hex; │ after each of so many bytes."""
    return "".join(f"{WRITTEN[byte]}│" if at in cuts else WRITTEN[byte] for at, byte in enumerate(data, 1))


WAY_IN = ("read_buffer", "recv_queue", "unsent")  # where what a peer sent stands, the oldest byte first
WRITTEN = [chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in range(256)]
WRITTEN[9], WRITTEN[10], WRITTEN[13], WRITTEN[92] = "\\t", "\\n", "\\r", "\\\\"


def wrapped(text: str, wide: float, most: int) -> list[str]:
    """`text` in at most `most` lines of so many pixels; whoever draws the last shortens it.

    An escape such as `\\n` stays in one line.
    """
    fits = max(4, int(wide / room("m", "mono")))
    lines: list[str] = []
    rest = abridged(text, fits * most)
    while rest and len(lines) < most:
        end = len(rest) if len(lines) == most - 1 else fits
        cut = ESCAPE.search(rest[:end]) if end < len(rest) else None
        end = min(end, len(rest)) if cut is None else cut.start()
        lines.append(rest[:end])
        rest = rest[end:]
    return lines


def abridged(text: str, most: int) -> str:
    """`text` in `most` characters, if it has frames: each in the same room, so that every border is seen."""
    frames = text.split("│")
    if len(text) <= most or len(frames) == 1:
        return text
    each = (most - len(frames) + 1) // sum(map(bool, frames))  # characters
    return "│".join(frame if len(frame) <= each else _ends(frame, each) for frame in frames)


def _ends(text: str, most: int) -> str:
    """The beginning of `text`, and its last character, with … between; no escape is cut."""
    end = text[-1] if text[-2:-1] != "\\" and not ESCAPE.search(text[:-1]) else ""
    begin = text[: max(0, most - 1 - len(end))]
    cut = ESCAPE.search(begin)
    return (begin if cut is None else begin[: cut.start()]) + "…" + end


def borders(framing: str, stream: bytes) -> Iterator[int]:
    """Where messages end: `lines` end with a newline, `length N` begin with their size in N bytes.

    The size is big-endian, or in `length N little` little-endian.
    """
    way, size, order = (*framing.split(), "", "", "")[:3]
    if way == "lines":
        yield from (at for at, byte in enumerate(stream, 1) if byte == 10)
    elif way == "length" and size in ("1", "2", "4", "8"):
        at, prefix = 0, int(size)
        while at + prefix <= len(stream):
            at += prefix + int.from_bytes(stream[at : at + prefix], "little" if order else "big")
            if at <= len(stream):
                yield at
