"""A state strip: numbered steps from left to right, and under each what state every end is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labkit.charts.ink import Words, width
from labkit.figure.panels.panel import Panel, centred
from labkit.tape.tape import Tape

ENDED = ("RST", "EPIPE", "CLOSE", "ECONN", "EBADF", "closed", "dead")
HALF = ("EOF", "FIN", "WAIT", "LAST_ACK")


class States(Panel):
    """`steps`: (what was done, {end: its state}) in order. The panel does not depend on the tape's position.

    A state that ended has a red edge and a cross, one that is half over a yellow ground; all say so in words.
    """

    weight = 0.6

    def __init__(self, steps: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        super().__init__()
        self.steps = list(steps)
        self.ends = list(dict.fromkeys(end for _, states in self.steps for end in states))

    def build(self) -> None:
        theme, box = self.theme, self.box
        words = Words()
        open_, half, ended = (
            self.boxes(theme.cell, theme.program, line=1.5),
            self.boxes(theme.band, theme.band_edge, line=1.5),
            self.boxes(theme.ground, theme.bad, line=2.0),
        )
        held: dict[object, list[tuple[float, float, float, float]]] = {open_: [], half: [], ended: []}
        left = box.x + max((width(end, theme.bold) for end in self.ends), default=0) + theme.text
        step = (box.right - left) / max(1, len(self.steps))
        rows = theme.line * 2.0
        for place, (call, states) in enumerate(self.steps):
            x, room = left + place * step, step - theme.text * 0.5
            who, dot, what = call.partition(".")
            for line, text in enumerate((f"{place + 1}  {who}", dot + what)):
                baseline = box.y + theme.title + line * theme.line
                words.add(x, baseline, text, theme.mono, theme.muted, room=room)
            for row, end in enumerate(self.ends):
                if end not in states:
                    continue
                y = box.y + theme.title + theme.line * 1.6 + row * rows
                text = states[end]
                kind = (
                    half if any(each in text for each in HALF) else ended if text.startswith(ENDED) else open_
                )
                held[kind].append((x, y, room, rows - 8))
                sign = "× " if kind is ended else ""
                baseline = centred(y + (rows - 8) / 2, theme.text)
                words.add(
                    x + room / 2,
                    baseline,
                    sign + text,
                    theme.plain,
                    theme.ink,
                    "center",
                    room - theme.text / 2,
                )
        for row, end in enumerate(self.ends):
            middle = box.y + theme.title + theme.line * 1.6 + row * rows + (rows - 8) / 2
            words.add(box.x, centred(middle, theme.text), end, theme.bold, theme.ink)
        for artist, boxes in held.items():
            artist.hold(boxes)  # type: ignore[attr-defined]
        self.backdrop, self.artists = [open_, half, ended, words], []

    def draw(self, tape: Tape, index: int, call: int | None = None) -> None:
        """Nothing moves."""

    def alt(self) -> str:
        """The strip in words."""
        return " ".join(
            f"{place}, {call or 'at first'}: {', '.join(f'{end} {text}' for end, text in states.items())}."
            for place, (call, states) in enumerate(self.steps, 1)
        )
