"""A View: a tape, the panels that draw it, and the position that is shown; what moves that position.

A position is an iteration, and in it a call or a source line. Back and Forward move it and run nothing; only
Step and Run do. It knows a player (anything with tape, step, run and pause) by what it does, never a lab
or a widget.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Self

from labkit.figure import agg, moves
from labkit.figure.drawing import WIDE, Drawing, Sheet
from labkit.figure.marks import Mark
from labkit.figure.panels import PANELS
from labkit.figure.panels.panel import Finding, Panel
from labkit.figure.theme import SCALES
from labkit.tape.tape import Tape

SUFFIXES = (".png", ".svg", ".html")
SMALLEST, LARGEST = (320, 100), (4000, 3000)


class Position(NamedTuple):
    """What is shown: iteration `i` (its own index): all of it, after `call` calls, or before line `line`."""

    i: int
    call: int | None = None
    line: int | None = None


class View:
    """`panels` of the tape of `player`, at a position that follows the head until it is moved.

    `size` is (width, height) in CSS pixels: what a saved picture is wide, and the most that a figure is high.
    """

    def __init__(
        self,
        player: Any,
        panels: Iterable[str | Panel | type[Panel]],
        theme: str,
        size: tuple[int, int] | None,
        findings: Iterable[Any] = (),
    ) -> None:
        if not isinstance(player, Tape) and not isinstance(getattr(player, "tape", None), Tape):
            raise TypeError(
                f"a figure of {player!r} is not possible: give a Lab, a Tape, or anything with tape, step, "
                "run and pause"
            )
        self.tape: Tape = player if isinstance(player, Tape) else player.tape
        self.player: Any = None if isinstance(player, Tape) else player
        self.width, height = (WIDE, None) if size is None else checked(size)
        self.use_theme(theme)
        self.panels = [panel(each) for each in panels]
        self.lines: dict[int, Any] = {}  # the source of the iterations whose lines are known
        given = [getattr(each, "traced", None) for each in self.panels]
        self._given: list[Mapping[int, Any]] = [each for each in given if each]
        self.sheet = Sheet(self.tape, self.panels, lines=self.lines, height=height)
        self._flagged = tuple(findings)
        self.flag(self._flagged)
        self._lock = threading.RLock()
        self.following = True
        self._position = Position(self._newest())
        self.granularity = "iteration"
        self.speed = 0.0 if self.player is not None else 4.0  # iterations a second; 0: as they come
        self.playing = False  # stepping or replaying at a speed of its own
        self._next_move = 0.0
        self._stale = True

    # ---- what it shows -------------------------------------------------------------------------------

    @property
    def position(self) -> Position:
        """What is shown; index −1 while there is no iteration."""
        newest = self._newest()
        if self.following and self._position.i != newest:
            return Position(newest)
        if not len(self.tape):
            return Position(-1)
        if self._position.i < self.tape.dropped:
            return Position(self.tape.dropped)
        return self._position

    @property
    def index(self) -> int:
        """The own index of the iteration that is shown; −1 while there is none."""
        return self.position.i

    @property
    def call(self) -> int | None:
        """After how many of its calls the iteration is shown; None for all of it."""
        return self.position.call

    @property
    def running(self) -> bool:
        return self.playing or bool(getattr(self.player, "running", False))

    def draw(self, i: int | None = None, call: int | None = None, width: float | None = None) -> Drawing:
        """The drawing of iteration `i`, by default of what is shown."""
        at = self.position if i is None else Position(self._absolute(i), call)
        wide = self.width if width is None else width
        with self._lock:
            self._know_lines(at.i)
            return self.sheet.draw(*at, width=wide)

    def marks(self, i: int | None = None, call: int | None = None) -> list[Mark]:
        """Every mark of iteration `i`, after `call` of its calls, with boxes of a figure 1000 pixels wide."""
        return self.draw(i, call, WIDE).marks()

    def drawing(self, i: int | None = None, call: int | None = None) -> bytes:
        """The whole drawing of iteration `i` as the browser is sent it: JSON (labkit.figure.drawing)."""
        return self.draw(i, call).json()

    def frame(self, i: int | None = None, call: int | None = None) -> Any:
        """Iteration `i` by matplotlib: a (height, width, 4) array of uint8, RGBA."""
        return agg.pixels(self.draw(i, call), scale=SCALES[self.theme])

    def png(self, i: int | None = None) -> bytes:
        """Iteration `i` by matplotlib as a PNG."""
        return agg.png(self.draw(i), scale=SCALES[self.theme])

    def alt(self, i: int | None = None) -> str:
        """Iteration `i` in one sentence."""
        return self.draw(i).says

    def save(self, path: str | Path, i: int | None = None) -> Path:
        """Write iteration `i` as .png or .svg, or the tape as .html, which plays it; returns the path.

        ValueError for another kind of file.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError(f"{path.name!r}: a figure is saved as {', '.join(SUFFIXES)}; name the file so")
        if suffix == ".png":
            path.write_bytes(self.png(i))
        elif suffix == ".svg":
            path.write_text(agg.svg(self.draw(i), scale=SCALES[self.theme]), encoding="utf-8")
        else:
            from labkit.figure.player import page  # which needs no matplotlib

            self._know_every_line()
            path.write_text(page(self.sheet, self.width, start=i), encoding="utf-8")
        return path

    def piece(self, width: float, height: float) -> str:
        """The figure as a piece of a page, which plays the tape from where this stands.

        It is drawn `width` CSS pixels wide, and at most `height` high.
        """
        from labkit.figure.player import figure

        self._know_every_line()
        flagged = self.sheet.findings
        sheet = Sheet(self.tape, self.panels, lines=self.lines, findings=flagged, height=height)
        return figure(sheet, width, self.index, self.theme)

    def use_theme(self, name: str) -> Self:
        """Draw with another theme: "screen" or "projector"; ValueError for another name."""
        if name not in SCALES:
            raise ValueError(f"theme={name!r}: there are {' and '.join(map(repr, SCALES))}")
        self.theme, self._stale = name, True
        return self

    def flag(self, findings: Iterable[Any]) -> None:
        """Flag these on the axis: what labkit.diagnose found, or (rule, fd, first, last, text)."""
        self.sheet.findings = tuple(_finding(each) for each in findings)
        self._stale = True

    def _newest(self) -> int:
        """The index of the newest iteration; of a player's new tape, if it was reset."""
        if self.player is not None and self.player.tape is not self.tape:
            with self._lock:
                self.tape = self.player.tape
                self._renewed()
        return self.tape.dropped + len(self.tape) - 1

    def _absolute(self, i: int) -> int:
        """`i` as an iteration's own index; negative from the end. IndexError if it is not there."""
        dropped, newest = self.tape.dropped, self._newest()
        at = newest + 1 + i if i < 0 else i
        if not dropped <= at <= newest:
            holds = f"holds {dropped:,} to {newest:,}" if newest >= dropped else "is empty"
            raise IndexError(f"there is no iteration {i} to show: the tape {holds}; −1 is the newest")
        return at

    # ---- moving about: all of these answer at once and run nothing -------------------------------------

    def show(self, i: int, call: int | None = None, line: int | None = None) -> Self:
        """Show iteration `i` (negative from the end) and stop following, unless it is the newest.

        Of a traced iteration `line` is the source line that is about to run, from 0.
        """
        with self._lock:
            self._go_to(Position(self._absolute(i), call, line))
        return self

    def back(self) -> bool:
        """One position back, in iterations, calls or lines; False at the beginning."""
        return self._move(-1)

    def forward(self) -> bool:
        """One position forward; False at the end of the tape."""
        return self._move(1)

    def over(self) -> bool:
        """Forward to the next line that is not deeper in calls; False if there is none in this iteration."""
        return self._to_line(lambda line, now: line.depth <= now.depth)

    def to_my_code(self) -> bool:
        """Forward to the next line of the reader's own: no loop's, nothing installed."""
        return self._to_line(lambda line, _: moves.is_own(line.filename))

    def find(self, what: str, way: int = 1) -> bool:
        """To the next (or, way=-1, previous) iteration with an "error", "EAGAIN", "finding", or words."""
        found = moves.find(self.tape, what, self.index, way, self.sheet.findings)
        if found is not None:
            self.show(found)
        return found is not None

    def beside(self, way: int) -> Position | None:
        """The position before (`way` −1) or after (1) the present one, by the granularity; None at an end."""
        at = self.position
        if at.i < 0:
            return None
        inside = self._inside(at.i)
        here = (
            at.call if self.granularity == "call" else at.line if self.granularity == "source line" else None
        )
        to = (inside if here is None else here) + way
        if 0 <= to <= inside:
            return self._inner(at.i, to, inside)
        there = at.i + way
        if not self.tape.dropped <= there <= self._newest():
            return None
        inside = self._inside(there)
        return self._inner(there, 0 if way > 0 else inside, inside)

    def set_granularity(self, name: str) -> None:
        """Let Back and Forward move by "iteration", "call" or "source line"; ValueError for another."""
        if name not in self.granularities():
            raise ValueError(f"{name!r}: this figure moves by {', '.join(self.granularities())}")
        with self._lock:
            self.granularity = name
            self._go_to(Position(self.index))

    def granularities(self) -> list[str]:
        """By what Back and Forward can move: by source lines if a panel shows them."""
        by_line = any(each.name == "source" for each in self.panels)
        return [name for name in moves.GRANULARITIES if by_line or name != "source line"]

    def _inside(self, index: int) -> int:
        """How many positions an iteration has beside the whole of it."""
        if self.granularity == "call":
            return len(self.tape.iteration(index).calls)
        if self.granularity == "source line":
            self._know_lines(index)
            return len(self.lines[index]) if index in self.lines else 0
        return 0

    def _inner(self, index: int, to: int, inside: int) -> Position:
        if to >= inside:
            return Position(index)
        return Position(index, to) if self.granularity == "call" else Position(index, None, to)

    def _move(self, way: int) -> bool:
        with self._lock:
            try:
                to = self.beside(way)
            except IndexError:  # the ring has let go of it meanwhile
                to = None
            if to is not None:
                self._go_to(to)
            return to is not None

    def _to_line(self, wanted: Any) -> bool:
        with self._lock:
            at = self.position
            lines = self.lines.get(at.i)
            if lines is None or at.line is None:
                return self._move(1)
            rest = enumerate(lines.lines[at.line + 1 :], at.line + 1)
            to = next((number for number, line in rest if wanted(line, lines.lines[at.line])), None)
            self._go_to(Position(at.i, None, to))
            return to is not None

    def _know_lines(self, index: int) -> None:
        for traced in self._given:
            if index in traced and index not in self.lines:
                self.lines[index] = traced[index]

    def _know_every_line(self) -> None:
        for index in chain(*self._given):
            self._know_lines(index)

    def _go_to(self, to: Position) -> None:
        self._position, self._stale = to, True
        self.following = to.i >= self._newest()

    # ---- what runs the player --------------------------------------------------------------------------

    def step(self) -> None:
        """Exactly one iteration of the player, which is shown; of a tape, one position forward."""
        if self.player is None:
            self.forward()
            return
        self.playing = False
        self._one_iteration()
        with self._lock:
            by_line = self.granularity == "source line" and self._inside(self._newest())
            self._go_to(Position(self._newest(), None, 0 if by_line else None))

    def _one_iteration(self) -> None:
        self.player.step()

    def run(self) -> None:
        """Run the player; at a speed, step it or replay the tape so many times a second."""
        with self._lock:
            if self.player is not None and not self.speed:
                self._go_to(Position(self._newest()))
                self.playing = False
                self.player.run()
                return
            if self.player is None and self.beside(1) is None:
                self._go_to(Position(self.tape.dropped))
            self.playing, self._next_move = True, time.monotonic() + 1 / self.speed

    def pause(self) -> None:
        """Stop where it is."""
        self.playing = False
        if self.player is not None:
            self.player.pause()

    def reset(self) -> None:
        """The player as it began, and its new tape from the beginning."""
        self.playing = False
        self.player.reset()
        self._newest()

    def _renewed(self) -> None:
        """There is another tape: nothing of the one before is kept."""
        self.sheet.show(self.tape)
        self.lines.clear()
        self.flag(self._flagged)
        self.playing = False
        self._go_to(Position(-1))


def panel(each: str | Panel | type[Panel]) -> Panel:
    """A panel by its name, or as it is; ValueError lists the names there are."""
    if isinstance(each, Panel):
        return each
    if isinstance(each, type) and issubclass(each, Panel):
        return each()
    name = str(each).replace("_", " ")
    if name not in PANELS:
        raise ValueError(f"there is no panel {each!r}; there are {', '.join(PANELS)}, or give a Panel")
    return PANELS[name]()


def checked(size: tuple[int, int]) -> tuple[int, int]:
    """`size` as whole pixels; ValueError says what fits."""
    try:
        wide, tall = (int(each) for each in size)
    except (TypeError, ValueError):
        raise ValueError(f"size={size!r}: give (width, height) in pixels, such as (1000, 600)") from None
    if not (SMALLEST[0] <= wide <= LARGEST[0] and SMALLEST[1] <= tall <= LARGEST[1]):
        raise ValueError(f"size={size!r}: a figure is {SMALLEST} to {LARGEST} pixels, (1000, 600) by default")
    return wide, tall


def _finding(each: Any) -> Finding:
    if isinstance(each, tuple):
        return Finding(*each)
    return Finding(each.rule, each.fd, each.first, each.last, each.what)
