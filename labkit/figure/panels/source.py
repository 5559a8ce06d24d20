"""The source that an iteration ran: the function, the line it is on, and what its variables hold there."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from typing import Any

from labkit.charts.ink import Box, width
from labkit.figure.panels.panel import Panel
from labkit.tape.tape import Tape

BESIDE = 620  # pixels from which on the values stand beside the source, not under it
VALUES = 6  # lines that they get under it


class SourceLines(Panel):
    """The lines of the iterations in `traced`, {index: Source} (labkit.trace.tracing), and what was kept.

    forward() and back() move by one line, and say whether there was one; drawing another position of the tape
    starts with the first line of its iteration, or with the line that made its call.
    """

    by_line = True
    weight = 1.6

    def __init__(self, traced: Mapping[int, Any] | None = None) -> None:
        super().__init__()
        self.traced: Mapping[int, Any] = {} if traced is None else traced
        self._kept: dict[int, Any] = {}
        self._shown: tuple[int, int | None] | None = None
        self._source: Any = None

    def build(self) -> None:
        self.band = self.boxes(face=self.theme.band)
        self.mark = self.boxes(face=self.theme.bad)
        self.rule = self.strokes(self.theme.hairline, 1.0, smooth=False)
        self.text = self.words()

    def keep(self, index: int, source: Any) -> None:
        """Show `source` of iteration `index`, from its first line; the newest 64 are kept."""
        self._kept[index] = source
        self._go_to(index, None)
        while len(self._kept) > 64:
            del self._kept[next(iter(self._kept))]

    def forward(self) -> bool:
        """One line on."""
        return self._source is not None and bool(self._source.forward())

    def back(self) -> bool:
        """One line back."""
        return self._source is not None and bool(self._source.back())

    def draw(self, tape: Tape, index: int, call: int | None = None) -> None:
        self._go_to(index, call)
        theme, box, words = self.theme, self.box, self.text
        words.clear()
        for artist in (self.band, self.mark, self.rule):
            artist.hold(())
        y = box.y + theme.title
        line = self._source.line if self._source is not None else None
        if line is None:
            words.add(box.x, y, "source", theme.heading, theme.ink)
            why = "No iteration is recorded yet." if index < 0 else f"Iteration {index:,} ran untraced."
            words.add(box.x, y + theme.line * 1.3, why, theme.plain, theme.muted, room=box.w)
            return
        place = f"{os.path.basename(line.filename)}:{line.lineno}"
        x = box.x + words.add(box.x, y, line.function, theme.heading, theme.ink, room=box.w * 0.6)
        count = f"{place}   line {self._source.at + 1} of {len(self._source)}"
        words.add(x + theme.text, y, count, theme.plain, theme.muted, room=box.right - x - theme.text)
        y += theme.line
        self._chain(y)
        top = y + theme.line * 0.5
        beside = box.w >= BESIDE
        wide = round(box.w * 0.62) if beside else box.w
        tall = box.bottom - top - (0 if beside else VALUES * theme.line)
        self._listing(line, Box(box.x, top, wide, tall))
        left = box.x + wide + theme.gap if beside else box.x
        high = top if beside else top + tall
        self._values(line, Box(left, high, box.right - left, box.bottom - high))

    def _go_to(self, index: int, call: int | None) -> None:
        source = self._kept.get(index) or self.traced.get(index)
        if source is self._source and (index, call) == self._shown:
            return
        self._source, self._shown = source, (index, call)
        if source is not None:
            source.seek(0) if call is None else source.seek_call(call)

    def _chain(self, y: float) -> None:
        """Who called whom: the depth, as a path; cut at its beginning if it is long."""
        theme, box = self.theme, self.box
        names = [name.rpartition(".")[2] for name in self._source.chain]
        text = " › ".join(names)
        while width(text, theme.plain) > box.w * 0.9 and len(names) > 1:
            names = names[1:]
            text = "… › " + " › ".join(names)
        self.text.add(box.x, y, text, theme.plain, theme.program_text, room=box.w)

    def _listing(self, line: Any, box: Box) -> None:
        theme, words = self.theme, self.text
        first, rows = self._source.text
        fits = max(1, int(box.h // theme.line))
        here = line.lineno - first
        start = max(0, min(here - fits // 2, len(rows) - fits))
        ran = {
            each.lineno
            for each in self._source.lines[: self._source.at]
            if each.function == line.function and each.filename == line.filename
        }
        gutter = width("0000", theme.mono) + theme.text * 1.2
        y = box.y
        if not rows:
            words.add(
                box.x, y + theme.line, "Its source cannot be read.", theme.plain, theme.muted, room=box.w
            )
        for number, row in enumerate(rows[start : start + fits], first + start):
            y += theme.line
            current = number == line.lineno
            if current:
                self.band.hold([(box.x, y - theme.text * 1.1, box.w, theme.line)])
                middle = y - theme.text * 0.36
                self.mark.hold([(box.x, middle - 3, theme.text * 0.5, 6)])
                words.add(box.x + theme.text * 0.35, y, "▶", theme.plain, theme.bad)
            font = theme.mono_bold if current else theme.mono
            ink = theme.ink if current or number in ran else theme.muted
            words.add(box.x + gutter - theme.text * 0.2, y, str(number), font, ink, align="right")
            words.add(
                box.x + gutter + theme.text * 0.3, y, row, font, ink, room=box.w - gutter - theme.text * 0.3
            )

    def _values(self, line: Any, box: Box) -> None:
        theme, words = self.theme, self.text
        fits = int(box.h // theme.line)
        rows = [(name, f"= {value}") for name, value in line.values]
        if line.returns is not None:
            rows.insert(0, ("", line.returns))
        if len(rows) > fits > 0:
            rows = [*rows[: fits - 1], ("", f"… {len(rows) - fits + 1} more")]
        if box.w < self.box.w:
            self.rule.hold([(box.x - theme.gap / 2, box.y + 4, box.x - theme.gap / 2, box.bottom)])
        y = box.y
        for name, value in rows[: max(fits, 0)]:
            y += theme.line
            x = box.x
            if name:
                x += words.add(x, y, name, theme.mono, theme.read, room=box.w * 0.5) + theme.text * 0.4
            ink = theme.bad if not name and value.startswith("raises") else theme.ink
            words.add(x, y, value, theme.mono if name else theme.mono_bold, ink, room=box.right - x)
