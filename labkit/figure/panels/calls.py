"""This iteration: the wait as the reader would write it, what came back, and the calls that followed.

It knows a Scene. Outcomes are facts of a call (errno, result); the words for them are narrate's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from labkit.figure.layout import NAMES, Place, room, told_apart
from labkit.figure.marks import Mark, Part
from labkit.figure.panels.fd_sets import AGAIN
from labkit.figure.panels.panel import HEAD, Panel, Scene, font_of, labelled
from labkit.figure.theme import LINE
from labkit.tape import narrate
from labkit.tape.iteration import Iteration
from labkit.tape.turn import Call, depths

READ, WRITE, EXCEPT = 1, 2, 4
# An answer may hold POLLHUP or POLLERR where nobody asked for them (poll(2)); the tape keeps one bit for all.
FLAGS = {
    "poll": ("POLLIN", "POLLOUT", "POLLPRI/HUP/ERR"),
    "epoll": ("EPOLLIN", "EPOLLOUT", "EPOLLPRI/HUP/ERR"),
}
LEAST, WANTED, MOST = 6, 12, 20  # lines under the title
CHARACTER = room("m", "mono")


class Said(NamedTuple):
    """A line of the panel: pieces of text, each with its role, and what the line is of."""

    pieces: tuple[tuple[str, str], ...]
    fd: int | None = None
    call: int | None = None  # number of the call, from 0


class ThisIteration(Panel):
    """One iteration from before its wait to its last call."""

    name = "calls"
    title = "this iteration"
    column = "right"

    def heights(self, scene: Scene, wide: float, count: int) -> tuple[float, float]:
        lines = 6 + len(scene.it.calls) if scene.it is not None else 0
        return HEAD + LEAST * LINE, HEAD + (WANTED if lines <= WANTED else MOST) * LINE

    def parts(self, scene: Scene, place: Place) -> Iterator[Part]:
        selector = scene.tape.about.get("selector", "")
        of = scene.index, scene.call, scene.it is None, selector, place.w, place.h
        yield Part("lines", place.x, place.y, of, lambda: self._lines(scene, place, selector))

    def _lines(self, scene: Scene, place: Place, selector: str) -> list[Mark]:
        it = scene.it
        if it is None:
            return [self.heading(place, "no iteration yet")]
        heading = f"iteration {it.index:,}"
        taken = room(heading, "title") + 12
        marks = [self.heading(place, heading, taken)]
        if scene.call is not None:
            step = f"after call {scene.call} of {len(it.calls)}" if scene.call else "just woken"
            marks.append(self.says("text", "muted", taken, 1, place.w - taken, step))
        fits = int((place.h - HEAD) // LINE)
        before = before_calls(it, selector, place.w, fits)
        lines = [*before, *calls_of(it, scene.call, fits - len(before))]
        labels = told_apart([labelled(it, call.fd) for call in it.calls], place.w * NAMES)
        left = min(place.w * NAMES, max([0.0, *(room(label) for label in labels)])) + 10
        for number, line in enumerate(lines):
            y = HEAD + number * LINE
            if line.call is not None and scene.call is not None and line.call == scene.call - 1:
                marks.append(self.box("band", "call", (0, y, place.w, LINE), fd=line.fd, iteration=it.index))
            marks += self._line(line, y, place.w, left, labels, it)
        return marks

    def _line(
        self, line: Said, y: float, wide: float, left: float, labels: Sequence[str], it: Iteration
    ) -> Iterator[Mark]:
        x, kind, value = 0.0, "text", line.call
        if line.call is not None:
            kind = "call"
            state = "pale" if line.pieces[0][0].endswith("pale") else ""
            yield self.says("text", state, 0, y, left, labels[line.call], fd=line.fd, iteration=it.index)
            x = left
        for state, text in line.pieces:
            font = font_of(kind, state)
            if x + room(text, font) > wide:
                text = text.replace(" bytes", " B").replace(" byte", " B")
            made = self.says(kind, state, x, y, min(wide - x, room(text, font) + 1), text, fd=line.fd,
                             iteration=it.index, value=value)  # fmt: skip
            if wide - x > 12:
                yield made
            x += room(text, font) + 8


# ---- what there is to say, line by line ------------------------------------------------------------------


def before_calls(it: Iteration, selector: str, wide: float, fits: int) -> list[Said]:
    """What came before the wait, the wait, its answer, its times, and handlers that raised."""
    characters = int(wide // CHARACTER)
    lines = [Said((("mono", line),)) for line in asks(it, selector, characters)]
    lines.append(Said((("read", f"→ {told(it, selector, characters - 2)}"),)))
    times = (("asleep", it.asleep_ns), ("awake", it.awake_ns), ("CPU", it.cpu_ns))
    lines.append(
        Said(
            tuple(piece for name, ns in times for piece in (("muted", name), ("bold", narrate.duration(ns))))
        )
    )
    for fd, text in it.errors[:2]:
        lines.append(Said((("bad", f"✗ {narrate.failure(it, fd, text)}"),), fd))
    if len(it.errors) > 2:
        lines.append(Said((("bad", f"✗ … {len(it.errors) - 2} more handlers raised"),)))
    beside = fits - len(lines) - max(1, len(it.calls))  # lines that nobody else needs
    told_before = pokes(it, max(1 if fits < 10 else 2, beside))
    return [*(Said((("muted", f"before: {text}"),)) for text in told_before), *lines]


def pokes(it: Iteration, most: int) -> list[str]:
    """What was done to peers before the wait, in at most so many sentences."""
    said = [narrate.poke(each) for each in it.pokes]
    return (
        said if len(said) <= most else [*said[: most - 1], f"{said[most - 1]}, and {len(said) - most} more"]
    )


def calls_of(it: Iteration, done: int | None, fits: int) -> list[Said]:
    """The calls around the last that was done, as many as fit; those to come are pale."""
    if not it.calls:
        return [Said((("muted", "no call recorded"),))]
    if fits < 3 and fits < len(it.calls):
        return [Said((("muted", narrate.plural(len(it.calls), "call")),))]
    first, last = around(len(it.calls), fits, (done or 1) - 1)
    deep = depths(it.calls)
    lines = [Said((("muted", f"… {first:,} before"),))] if first else []
    lines += [call_line(it.calls[n], n, deep[n], done is not None and n >= done) for n in range(first, last)]
    if last < len(it.calls):
        lines.append(Said((("muted", f"… {len(it.calls) - last:,} more"),)))
    return lines


def call_line(call: Call, number: int, depth: int, pending: bool) -> Said:
    """`recv(1024)` and `→ 5 bytes`, indented under the method that called it."""
    argument = "" if call.arg is None else f"{call.arg:_}"
    asked = f"{'  ' * depth}{call.name}({argument})"
    if pending:
        return Said((("mono pale", asked),), call.fd, number)
    state, sign = (
        ("again", "× ") if call.errno in AGAIN else ("failed", "✗ ") if call.errno else ("outcome", "")
    )
    return Said((("mono", asked), (state, f"→ {sign}{narrate.outcome(call)}")), call.fd, number)


def around(count: int, fits: int, focus: int) -> tuple[int, int]:
    """The part of `count` lines that `fits` show, with room for what they leave out; `focus` is in it."""
    if count <= fits:
        return 0, count
    fits = max(fits, 1)
    if focus < fits - 1:
        return 0, max(1, fits - 1)
    inner = max(1, fits - 2)
    first = min(focus - inner // 2, count - inner - 1)
    if focus >= count - (fits - 1):
        return count - max(1, fits - 1), count
    return first, first + inner


def asks(it: Iteration, selector: str, room: int) -> list[str]:
    """The wait as the reader would write it, in lines of at most `room` characters where that is possible."""
    asked = {fd: int(events) for fd, events in it.interest.items()}  # an IntFlag is slow to mask
    timeout = "" if it.timeout is None else f"{it.timeout:g}"
    if selector == "epoll":
        return [f"epoll.poll({timeout})", *_about(asked, room)]
    if selector == "poll":
        ms = "" if it.timeout is None else f"{it.timeout * 1000:.0f}"
        return [f"poll.poll({ms})", *_about(asked, room)]
    if selector in ("select", "busy", ""):
        if selector == "busy":
            timeout = "0"
        return _select(asked, timeout, room)
    return [f"{selector}.select({timeout})", *_about(asked, room)]


def _select(asked: Mapping[int, int], timeout: str, room: int) -> list[str]:
    sets = [[fd for fd, events in asked.items() if events & kind] for kind in (READ, WRITE, EXCEPT)]
    end = f", {timeout})" if timeout else ")"
    for most in (99, 6, 4, 3, 2, 1):
        parts = [numbers(each, most) for each in sets]
        line = f"select({', '.join(parts)}{end}"
        if len(line) <= room:
            return [line]
        folded = [f"select({parts[0]},", f"       {', '.join(parts[1:])}{end}"]
        if most < 99 and all(len(line) <= room for line in folded):
            return folded
    return folded


def _about(asked: Mapping[int, int], room: int) -> list[str]:
    """The interest set of a selector that is not told it on every call."""
    for most in (99, 6, 4, 3, 2, 1):
        text = "  ".join(
            f"{letter} {numbers([fd for fd, events in asked.items() if events & kind], most)}"
            for letter, kind in (("R", READ), ("W", WRITE), ("X", EXCEPT))
            if kind != EXCEPT or any(events & EXCEPT for events in asked.values())
        )
        if len(text) + 6 <= room:
            break
    return [f"asked {text}"]


def numbers(fds: Sequence[int], most: int) -> str:
    """`[5, 7, … 64 fds]`."""
    fds = sorted(fds)
    if len(fds) <= most + 1:
        return f"[{', '.join(map(str, fds))}]"
    return f"[{', '.join(map(str, fds[:most]))}, … {len(fds):,} fds]"


def told(it: Iteration, selector: str, room: int) -> str:
    """What the wait returned, in the form in which that call returns it."""
    if selector in FLAGS:
        flags = FLAGS[selector]
        pairs = [
            (fd, "|".join(flag for bit, flag in enumerate(flags) if events & 1 << bit))
            for fd, events in it.ready.items()
        ]
        for most in (99, 8, 4, 3, 2, 1):
            kept = pairs if len(pairs) <= most + 1 else pairs[:most]
            more = "" if len(kept) == len(pairs) else f", … {len(pairs):,} fds"
            text = f"[{', '.join(f'({fd}, {flag})' for fd, flag in kept)}{more}]"
            if len(text) <= room:
                break
        return text
    sets = [[fd for fd, events in it.ready.items() if events & kind] for kind in (READ, WRITE, EXCEPT)]
    for most in (99, 6, 4, 3, 2, 1):
        text = ", ".join(numbers(each, most) for each in sets)
        if len(text) <= room:
            break
    return text
