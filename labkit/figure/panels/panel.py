"""What every panel is: artists made once, a place in the frame, and a drawing of one position of a tape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from matplotlib.artist import Artist

from labkit.charts.ink import Box, Boxes, Picture, Strokes, Words
from labkit.charts.theme import Theme
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape


class Panel:
    """One part of a figure.

    `place` lays the panel out in `box` for a theme and fills what never changes (`backdrop`). `draw` fills
    `artists` for one position of the tape and for nothing else: the same position gives the same picture.
    """

    column: ClassVar[str] = "left"
    weight: ClassVar[float] = 1.0  # its share of the column's height
    columns = 24  # iterations side by side; the frame chooses the same for all its panels

    def __init__(self) -> None:
        self.artists: list[Artist] = []
        self.backdrop: list[Artist] = []

    def place(self, theme: Theme, box: Box) -> None:
        """Make the artists for this theme in this place."""
        self.theme, self.box = theme, box
        self.artists, self.backdrop = [], []
        self.build()

    def build(self) -> None:
        raise NotImplementedError

    def draw(self, tape: Tape, index: int, call: int | None = None) -> None:
        """Show iteration `index` (its own index), all of it or as it was after `call` of its calls."""
        raise NotImplementedError

    # ---- for the panels ------------------------------------------------------------------------------

    def fixed(self, artist: Artist) -> Artist:
        self.backdrop.append(artist)
        return artist

    def boxes(self, face: str | None = None, edge: str | None = None, **style: object) -> Boxes:
        made = Boxes(face, edge, **style)  # type: ignore[arg-type]
        self.artists.append(made)
        return made

    def strokes(self, colour: str, line: float = 1.5, smooth: bool = True) -> Strokes:
        made = Strokes(colour, line, smooth)
        self.artists.append(made)
        return made

    def words(self) -> Words:
        made = Words()
        self.artists.append(made)
        return made

    def picture(self) -> Picture:
        made = Picture()
        self.artists.append(made)
        return made

    def heading(self, text: str) -> tuple[Words, float]:
        """Write the panel's title on the backdrop; returns the words, and the baseline of the title."""
        words = Words()
        self.fixed(words)
        baseline = self.box.y + self.theme.title
        words.add(self.box.x, baseline, text, self.theme.heading, self.theme.ink, room=self.box.w)
        return words, baseline


def centred(y: float, size: int) -> float:
    """The baseline of a line of text whose capitals stand around `y`."""
    return y + 0.36 * size


def window(tape: Tape, index: int, columns: int) -> tuple[int, list[Iteration | None]]:
    """(first index, iterations) of the columns that are drawn around `index`; None where the tape has none.

    The window moves by half of itself, so that columns stand still while the position moves through them.
    """
    half = max(1, columns // 2)
    first = max(0, (index // half - 1) * half)
    return first, [_kept(tape, at) for at in range(first, first + columns)]


def _kept(tape: Tape, index: int) -> Iteration | None:
    try:
        return tape.iteration(index)
    except IndexError:
        return None


def position(tape: Tape, index: int, call: int | None) -> Iteration | None:
    """Iteration `index` with its queues and accounts as they stood after `call` calls; None if it is gone."""
    it = _kept(tape, index)
    if it is None or call is None or call >= len(it.calls) or not it.moments:
        return it
    before = _kept(tape, index - 1)
    queues, accounts, contents = dict(it.queues), dict(it.accounts), dict(it.contents)
    for fd in {moment.fd for moment in it.moments}:
        seen = [moment for moment in it.moments if moment.fd == fd and moment.after <= call]
        if seen:
            queues[fd] = seen[-1].queues
            if seen[-1].account is not None:
                accounts[fd] = seen[-1].account
            if seen[-1].contents is not None:
                contents[fd] = seen[-1].contents
        elif before is not None and fd in before.queues:
            queues[fd] = before.queues[fd]
            if fd in before.accounts:
                accounts[fd] = before.accounts[fd]
            if fd in before.contents:
                contents[fd] = before.contents[fd]
        else:
            queues.pop(fd, None)
            accounts.pop(fd, None)
            contents.pop(fd, None)
    return replace(it, queues=queues, accounts=accounts, contents=contents)


def amount(count: int | None, room: int = 99) -> str:
    """A number of bytes in at most about `room` characters: exact where that fits, else `52 K`."""
    if count is None:
        return "–"
    exact = f"{count:,}"
    if len(exact) <= room:
        return exact
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            value = count / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return exact


def labelled(it: Iteration, fd: int) -> str:
    """An fd with the reader's name for it: `7 alice`."""
    name = it.names.get(fd, "")
    return str(fd) if not name or name == f"fd {fd}" else f"{fd} {name}"


def shown(tape: Tape, index: int) -> int:
    """The index that is drawn when `index` was asked for: the nearest that the tape still holds."""
    length = len(tape)
    return min(max(index, tape.dropped), tape.dropped + length - 1) if length else -1


__all__: Sequence[str] = (
    "Panel",
    "amount",
    "centred",
    "labelled",
    "position",
    "shown",
    "window",
)
