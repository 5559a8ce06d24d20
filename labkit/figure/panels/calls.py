"""This iteration: the wait as the reader would write it, what came back, and the calls that followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labkit.charts.ink import Font, width
from labkit.figure.panels.fd_sets import BLOCKED
from labkit.figure.panels.panel import Panel, labelled, position
from labkit.tape import narrate
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape

READ, WRITE, EXCEPT = 1, 2, 4
# An answer may hold POLLHUP or POLLERR where nobody asked for them (poll(2)); the tape keeps one bit for all.
FLAGS = {
    "poll": ("POLLIN", "POLLOUT", "POLLPRI/HUP/ERR"),
    "epoll": ("EPOLLIN", "EPOLLOUT", "EPOLLPRI/HUP/ERR"),
}


class ThisIteration(Panel):
    """One iteration from before its wait to its last call."""

    column = "right"
    weight = 1.1

    def build(self) -> None:
        self.marker = self.boxes(face=self.theme.band)
        self.text = self.words()

    def draw(self, tape: Tape, index: int, call: int | None = None) -> None:
        theme, box, words = self.theme, self.box, self.text
        words.clear()
        self.marker.hold(())
        it = position(tape, index, None)
        baseline = box.y + theme.title
        if it is None:
            words.add(box.x, baseline, "no iteration yet", theme.heading, theme.ink)
            return
        heading = f"iteration {index:,}"
        x = box.x + words.add(box.x, baseline, heading, theme.heading, theme.ink) + theme.text * 0.8
        if call is not None:
            step = f"after call {call} of {len(it.calls)}" if call else "just woken"
            words.add(x, baseline, step, theme.plain, theme.muted, room=box.right - x)
        self.y = baseline + theme.line * 0.25
        self._before(it)
        self._wait(it, tape.about.get("selector", ""))
        self._times(it)
        self._failures(it)
        self._calls(it, call)

    def _line(
        self, text: str, colour: str, *, mono: bool = False, bold: bool = False, x: float = 0.0
    ) -> None:
        theme, box = self.theme, self.box
        font = (theme.mono_bold if bold else theme.mono) if mono else (theme.bold if bold else theme.plain)
        if self._lines_left() < 1:
            return
        self.y += theme.line
        self.text.add(box.x, self.y, text, font, colour, room=box.w)

    def _lines_left(self) -> int:
        return int((self.box.bottom - self.y - self.theme.text * 0.3) // self.theme.line)

    # ---- its parts, top to bottom --------------------------------------------------------------------

    def _before(self, it: Iteration) -> None:
        most = 1 if self._lines_left() < 9 else 2
        told = [narrate.poke(each) for each in it.pokes]
        if len(told) > most:
            told = [*told[: most - 1], f"{told[most - 1]}, and {len(told) - most} more"]
        for text in told:
            self._line(f"before: {text}", self.theme.muted)

    def _wait(self, it: Iteration, selector: str) -> None:
        theme = self.theme
        room = self.box.w // width("m", theme.mono)
        for line in asks(it, selector, int(room)):
            self._line(line, theme.ink, mono=True)
        self._line(f"→ {told(it, selector, int(room) - 2)}", theme.read, mono=True)

    def _times(self, it: Iteration) -> None:
        theme, box = self.theme, self.box
        self.y += theme.line * 1.2
        x = box.x
        for label, ns in (("asleep", it.asleep_ns), ("awake", it.awake_ns), ("CPU", it.cpu_ns)):
            text = narrate.duration(ns)
            wide = width(label, theme.plain) + width(text, theme.bold) + theme.text * 0.4
            if x + wide > box.right:
                break
            x += self.text.add(x, self.y, label, theme.plain, theme.muted) + theme.text * 0.4
            x += self.text.add(x, self.y, text, theme.bold, theme.ink) + theme.text * 0.9
        self.y += theme.line * 0.2

    def _failures(self, it: Iteration) -> None:
        for fd, text in it.errors[:2]:
            for line in wrapped(f"✗ {narrate.failure(it, fd, text)}", self.theme.bold, self.box.w, 2):
                self._line(line, self.theme.bad, bold=True)
        if len(it.errors) > 2:
            self._line(f"✗ … {len(it.errors) - 2} more handlers raised", self.theme.bad, bold=True)

    def _calls(self, it: Iteration, done: int | None) -> None:
        if not it.calls:
            self._line("no call was made", self.theme.muted)
            return
        fits = self._lines_left()
        if fits < 3 and fits < len(it.calls):
            self._line(narrate.plural(len(it.calls), "call"), self.theme.muted)
            return
        first, last = around(len(it.calls), fits, (done or 1) - 1)
        if first:
            self._line(f"… {first:,} before", self.theme.muted)
        for number in range(first, last):
            self._call(it, number, done)
        if last < len(it.calls):
            self._line(f"… {len(it.calls) - last:,} more", self.theme.muted)

    def _call(self, it: Iteration, number: int, done: int | None) -> None:
        theme, box, words = self.theme, self.box, self.text
        each = it.calls[number]
        self.y += theme.line
        if done is not None and number == done - 1:
            self.marker.hold([(box.x - 4, self.y - theme.text * 1.05, box.w + 4, theme.line)])
        pending = done is not None and number >= done
        ink = theme.pending if pending else theme.ink
        name_room = min(theme.text * 6.0, box.w * 0.22)
        words.add(box.x, self.y, labelled(it, each.fd), theme.plain, ink, room=name_room)
        call, _, outcome = narrate.call(each).partition(" → ")
        x = box.x + name_room + theme.text * 0.6
        blocked = each.errno in BLOCKED
        if blocked:
            outcome = f"× {outcome}"
        elif each.errno:
            outcome = f"✗ {outcome}"
        colour = theme.special if blocked else theme.bad if each.errno else theme.program_text
        if pending:
            outcome, colour = "", ink
        font = theme.mono_bold if each.errno else theme.mono
        x += words.add(x, self.y, call, theme.mono, ink, room=box.right - x) + theme.text * 0.6
        if width(f"→ {outcome}", font) > box.right - x:
            outcome = outcome.replace(" bytes", " B").replace(" byte", " B")
        if outcome and box.right - x > theme.text:
            words.add(x, self.y, f"→ {outcome}", font, colour, room=box.right - x)


def wrapped(text: str, font: Font, room: float, most: int) -> list[str]:
    """`text` in at most `most` lines; the last is cut short by whoever draws it."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(lines) == most or not lines[-1] or width(longer, font) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


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
