"""A tape as one HTML file that plays it: its drawings as marks, and the widget that paints them; no network.

What stands still from drawing to drawing is in the file once. It knows drawings and words, and no lab.
"""

from __future__ import annotations

import base64
import gzip
import json
from html import escape
from typing import Any

from labkit.figure import moves
from labkit.figure.drawing import Drawing, Sheet
from labkit.figure.script import module
from labkit.figure.theme import table
from labkit.figure.why import why

ITERATIONS_AT_MOST = 400  # in one file; the newest are kept, and the page says so
TITLE = "An event loop, iteration by iteration"
FRAMES_AT_MOST = 1200  # with the calls of the newest iterations


def page(sheet: Sheet, width: float, title: str = TITLE, start: int | None = None) -> str:
    """The newest ITERATIONS_AT_MOST iterations of a sheet's tape as a page; ValueError if there are none.

    It shows iteration `start` first, or the oldest.
    """
    first, last = _kept(sheet)
    kept = last - first + 1
    note = f"iterations {first:,} to {last:,}"
    if first:
        note += f" (the newest {kept:,} of {last + 1:,}; earlier ones are not in this file)"
    return (
        PAGE.replace("@TITLE@", escape(title))
        .replace("@NOTE@", escape(note))
        .replace("@FIGURE@", figure(sheet, width, start))
    )


def figure(sheet: Sheet, width: float, start: int | None = None, theme: str = "screen") -> str:
    """The figure and its player as a piece of a page, to stand there once."""
    return FIGURE.replace("@DATA@", packed(sheet, width, start, theme)).replace("@WIDGET@", module())


def packed(
    sheet: Sheet, width: float, start: int | None = None, theme: str = "screen", call: int | None = None
) -> str:
    """What play.js plays, as page() writes it: JSON, compressed, in base64; ValueError for an empty tape.

    It begins at iteration `start`, whole, or after `call` calls of it.
    """
    first, last = _kept(sheet)
    recorded = Recorded(sheet, width)
    recorded.add(first, last)
    shown = {"begin": first if start is None else max(first, min(start, last)), "call": call, "theme": theme}
    data = json.dumps(recorded.data(first, last) | shown, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def _kept(sheet: Sheet) -> tuple[int, int]:
    """The first and the last iteration that a file holds."""
    tape = sheet.tape
    if not len(tape):
        raise ValueError("the tape is empty: step the lab once, then save the figure")
    last = tape.dropped + len(tape) - 1
    return max(tape.dropped, last - ITERATIONS_AT_MOST + 1), last


class Recorded:
    """The drawings of a tape; a layer that several of them show is one piece."""

    def __init__(self, sheet: Sheet, width: float) -> None:
        self.sheet, self.width = sheet, width
        self.frames: list[dict[str, Any]] = []
        self._pieces: dict[str, int] = {}
        self._texts: dict[str, int] = {}
        self._whys: list[list[int]] = []

    def add(self, first: int, last: int) -> None:
        """Draw the iterations, the calls of the newest of them, and the lines of those that were traced."""
        tape, room = self.sheet.tape, FRAMES_AT_MOST - (last - first + 1)
        calls = {index: len(tape.iteration(index).calls) for index in range(first, last + 1)}
        for index in reversed(calls):  # calls are for the newest first
            room -= calls[index]
            if room < 0:
                calls[index] = 0
        for index, count in calls.items():
            for call in range(count):
                self._frame(self.sheet.draw(index, call, width=self.width))
            self._lines(index)
            self._frame(self.sheet.draw(index, width=self.width))

    def data(self, first: int, last: int) -> dict[str, Any]:
        """What the widget plays, as JSON can hold it."""
        tape = self.sheet.tape
        return {
            "table": table(),
            "w": self.width,
            "frames": self.frames,
            "pieces": [json.loads(text) for text in self._pieces],
            "whys": self._whys,
            "texts": list(self._texts),
            "explains": [[index, tape.iteration(index).explain()] for index in range(first, last + 1)],
            "finds": moves.everywhere(tape, first, last, self.sheet.findings),
            "speeds": [name for name, each in moves.SPEEDS.items() if each],
            "granularities": moves.GRANULARITIES[: 3 if self.sheet.lines else 2],
        }

    def _lines(self, index: int) -> None:
        """Draw every line that an iteration ran, if it was traced."""
        source = self.sheet.lines.get(index)
        if source is None:
            return
        for number, line in enumerate(source.lines):
            drawing = self.sheet.draw(index, None, number, width=self.width)
            self._frame(drawing, lines=len(source), depth=line.depth, own=moves.is_own(line.filename))

    def _frame(self, drawing: Drawing, **more: Any) -> None:
        head = drawing.head()
        layers = [[self._piece(layer.json, layer.drawn), layer.x, layer.y] for layer in drawing.layers]
        self.frames.append(
            {name: head[name] for name in ("i", "call", "line", "h", "says", "panels")}
            | {"layers": layers, **more}
        )

    def _piece(self, text: str, marks: Any) -> int:
        number = self._pieces.get(text)
        if number is None:
            number = self._pieces[text] = len(self._pieces)
            tape, texts = self.sheet.tape, self._texts
            self._whys.append([texts.setdefault(why(mark, tape), len(texts)) for mark in marks])
        return number


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>@TITLE@</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.4 system-ui, sans-serif; margin: 12px auto; max-width: 2560px; padding: 0 12px;
  color: CanvasText; background: Canvas }
h1 { font-size: 20px; margin: 0 0 4px } p { margin: 4px 0 }
</style></head>
<body><main>
<h1>@TITLE@</h1>
<p>@NOTE@. In the figure, the arrow keys go through iterations and through what is shown of one.</p>
@FIGURE@</main>
</body></html>
"""

FIGURE = """<div id="figure"></div>
<noscript><p>This page plays its tape with a script, which is switched off here.</p></noscript>
<script id="tape" type="text/plain">@DATA@</script>
<script type="module">
@WIDGET@
window.player = await play(document.getElementById("figure"), document.getElementById("tape").textContent);
dispatchEvent(new Event("played"));
</script>
"""
