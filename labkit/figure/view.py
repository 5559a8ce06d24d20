"""A View: a tape, the panels that draw it, and the position that is shown; what moves that position.

It knows a player (anything with tape, step, run and pause) by what it does, never a lab or a widget.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self

import numpy as np

from labkit.figure.frame import Frame, alt
from labkit.figure.panels.panel import Panel
from labkit.figure.player import page
from labkit.tape.tape import Tape

SUFFIXES = (".png", ".svg", ".html")


class View:
    """`panels` of the tape of `player`, at a position that follows the head until it is moved."""

    def __init__(self, player: Any, panels: list[Panel], theme: str, size: tuple[int, int]) -> None:
        if not isinstance(player, Tape) and not isinstance(getattr(player, "tape", None), Tape):
            raise TypeError(
                f"a figure of {player!r} is not possible: give a Lab, a Tape, or anything with tape, step, "
                "run and pause"
            )
        self.tape: Tape = player if isinstance(player, Tape) else player.tape
        self.player: Any = None if isinstance(player, Tape) else player
        self._frame = Frame(panels, look=theme, size=size)
        self._lock = threading.RLock()
        self.following = True
        self._index = self._newest()
        self._call: int | None = None
        self.granularity = "iteration"
        self.speed = 0.0 if self.player is not None else 4.0  # iterations a second; 0: as they come
        self.playing = False  # stepping or replaying at a speed of its own
        self._stale = True

    # ---- what it shows -------------------------------------------------------------------------------

    @property
    def index(self) -> int:
        """The own index of the iteration that is shown; −1 while there is none."""
        if self.following:
            return self._newest()
        return max(self._index, self.tape.dropped) if len(self.tape) else -1

    @property
    def call(self) -> int | None:
        """After how many of its calls the iteration is shown; None for all of it."""
        return self._call

    @property
    def running(self) -> bool:
        return self.playing or bool(getattr(self.player, "running", False))

    @property
    def theme(self) -> str:
        return self._frame.theme.name

    def frame(self, i: int | None = None, call: int | None = None) -> np.ndarray:
        """The picture of iteration `i` as a (height, width, 4) array of uint8; by default what is shown."""
        at, call = self._position(i, call)
        with self._frame.lock:
            return self._frame.pixels(self.tape, at, call).copy()

    def alt(self, i: int | None = None) -> str:
        """Iteration `i` in one sentence."""
        return alt(self.tape, self._position(i, None)[0])

    def save(self, path: str | Path, i: int | None = None) -> Path:
        """Write iteration `i` as .png or .svg, or the tape as .html, which plays it; returns the path."""
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError(f"{path.name!r}: a figure is saved as {', '.join(SUFFIXES)}; name the file so")
        at, call = self._position(i, None)
        if suffix == ".png":
            path.write_bytes(self._frame.png(self.tape, at, call))
        elif suffix == ".svg":
            path.write_text(self._frame.svg(self.tape, at, call), encoding="utf-8")
        else:
            path.write_text(page(self._frame, self.tape), encoding="utf-8")
        return path

    def _newest(self) -> int:
        return self.tape.dropped + len(self.tape) - 1

    def _absolute(self, i: int) -> int:
        """`i` as an iteration's own index; negative from the end. IndexError if it is not there."""
        dropped, newest = self.tape.dropped, self._newest()
        at = newest + 1 + i if i < 0 else i
        if not dropped <= at <= newest:
            holds = f"holds {dropped:,} to {newest:,}" if newest >= dropped else "is empty"
            raise IndexError(f"there is no iteration {i} to show: the tape {holds}; −1 is the newest")
        return at

    def _position(self, i: int | None, call: int | None) -> tuple[int, int | None]:
        if i is not None:
            return self._absolute(i), call
        return self.index, self._call if call is None else call

    # ---- moving about: all of these answer at once -----------------------------------------------------

    def show(self, i: int, call: int | None = None) -> Self:
        """Show iteration `i` (negative from the end) and stop following, unless it is the newest."""
        with self._lock:
            self._go_to(self._absolute(i), call)
        return self

    def back(self) -> None:
        """One position back, in iterations or in calls."""
        with self._lock:
            at, call = self.index, self._call
            if self.granularity == "source line" and self._a_line("back"):
                return None
            if self.granularity == "call" and (steps := self._calls(at)):
                done = steps if call is None else call
                if done > 0:
                    return self._go_to(at, done - 1)
            if at > self.tape.dropped:
                self._go_to(at - 1, self._calls(at - 1) if self.granularity == "call" else None)

    def forward(self) -> bool:
        """One position forward; False at the end of the tape."""
        with self._lock:
            at, call = self.index, self._call
            if self.granularity == "source line" and self._a_line("forward"):
                return True
            if self.granularity == "call" and call is not None and call < self._calls(at):
                self._go_to(at, call + 1)
                return True
            if at >= self._newest():
                return False
            self._go_to(at + 1, 0 if self.granularity == "call" else None)
            return True

    def _a_line(self, way: str) -> bool:
        """Move the panels that show source by a line; False if none of them has one more."""
        moved = [getattr(panel, way)() for panel in self._frame.panels if getattr(panel, "by_line", False)]
        self._stale = self._stale or any(moved)
        return any(moved)

    def step(self) -> None:
        """One iteration of the player, or one position forward where there is more to see of the last."""
        with self._lock:
            at, call = self.index, self._call
            if self.granularity == "source line" and self._a_line("forward"):
                return
            in_between = self.granularity == "call" and call is not None and call < self._calls(at)
            if self.player is None or in_between:
                self.forward()
                return
            self.playing = False
        self._one_iteration()
        with self._lock:
            self._go_to(self._newest(), 0 if self.granularity == "call" else None)

    def _one_iteration(self) -> None:
        self.player.step()

    def run(self) -> None:
        """Run the player; at a speed, step it or replay the tape so many times a second."""
        with self._lock:
            if self.player is not None and not self.speed:
                self.following, self._call, self.playing = True, None, False
                self.player.run()
            else:
                if self.player is None and self.index >= self._newest():
                    self._go_to(self.tape.dropped, None)
                self.playing, self._next_move = True, 0.0

    def pause(self) -> None:
        """Stop where it is."""
        self.playing = False
        if self.player is not None:
            self.player.pause()

    def set_granularity(self, name: str) -> None:
        with self._lock:
            self.granularity, self._call, self._stale = name, None, True

    def use_theme(self, name: str) -> Self:
        """Draw with another theme: "screen" or "projector"."""
        self._frame.use(name)
        self._stale = True
        return self

    def _go_to(self, at: int, call: int | None) -> None:
        self._index, self._call, self._stale = at, call, True
        self.following = at >= self._newest()

    def _calls(self, at: int) -> int:
        try:
            return len(self.tape.iteration(at).calls)
        except IndexError:
            return 0
