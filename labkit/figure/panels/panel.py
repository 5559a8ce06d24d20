"""What every panel is: a place in the figure, and parts made from one position of a tape.

A panel is a pure function of a Scene: the same tape, iteration, call and line give the same marks. It knows
of sizes and words, never of a printer, a lab or who looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, NamedTuple

from labkit.figure.layout import Place, clean, fitted, window
from labkit.figure.marks import Mark, Part
from labkit.figure.theme import LINE, TITLE, role
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape
from labkit.tape.turn import Call, Now

HEAD = TITLE + 9  # pixels from a panel's upper edge to what stands under its title


class Finding(NamedTuple):
    """Something that is wrong with a loop, as the figure flags it: iterations first..last of `fd`."""

    rule: str
    fd: int | None
    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One position of a tape. `it` is None where the tape has nothing to show there.

    Its queues are those after `call` calls, or of the whole iteration if that is None. `source` holds the
    lines that the iteration ran, `line` which of them is about to run; a line says how many calls came before
    it.
    """

    tape: Tape
    index: int
    it: Iteration | None
    call: int | None
    line: int | None
    source: Any
    findings: tuple[Finding, ...]
    now: Now | None = None  # what the kernel holds at this moment, if the newest iteration is shown

    @classmethod
    def of(
        cls,
        tape: Tape,
        index: int,
        call: int | None,
        line: int | None,
        source: Any,
        findings: tuple[Finding, ...],
    ) -> Scene:
        if source is None or line is None or not 0 <= line < len(source.lines):
            line = None
        elif call is None:
            call = source.lines[line].calls
        it = kept(tape, index)
        if it is not None:
            call = None if call is None or call > len(it.calls) else call
            it = at_call(it, kept(tape, index - 1), call)
        newest = index == tape.dropped + len(tape) - 1
        return cls(tape, index, it, call, line, source, findings, tape.now if newest else None)

    def column(self, count: int) -> tuple[int, list[Iteration | None]]:
        """(first index, iterations) of the `count` columns around the position; None where there are none."""
        first = window(self.index, count)
        return first, [kept(self.tape, at) for at in range(first, first + count)]

    def calls(self, it: Iteration) -> tuple[Call, ...]:
        """The calls of an iteration that were made by now."""
        return it.calls if it.index != self.index or self.call is None else it.calls[: self.call]


class Panel:
    """One part of a figure: `name` as a figure is asked for it, `column` where it stands if there is room."""

    name: ClassVar[str]
    title: ClassVar[str]
    column: ClassVar[str] = "left"

    def heights(self, scene: Scene, wide: float, count: int) -> tuple[float, float]:
        """(least, wanted) pixels, in a column of `wide` pixels of a figure that shows `count` iterations."""
        raise NotImplementedError

    def parts(self, scene: Scene, place: Place) -> Iterable[Part]:
        """What there is to see, in painting order."""
        raise NotImplementedError

    # ---- for the panels ------------------------------------------------------------------------------

    def heading(self, place: Place, text: str = "", wide: float = 0) -> Mark:
        return self.says("title", "", 0, 0, wide or place.w, text or self.title, high=TITLE + 4)

    def says(
        self,
        kind: str,
        state: str,
        x: float,
        y: float,
        wide: float,
        text: str,
        *,
        high: float = LINE,
        fd: int | None = None,
        iteration: int | None = None,
        value: float | None = None,
    ) -> Mark:
        """A mark whose text is drawn, shortened in its middle if the box is too narrow."""
        text = fitted(text, wide, font_of(kind, state))
        return Mark(self.name, kind, fd, iteration, None, state, value, (x, y, wide, high), text)

    def box(
        self,
        kind: str,
        state: str,
        box: tuple[float, float, float, float],
        *,
        fd: int | None = None,
        iteration: int | None = None,
        event: int | None = None,
        value: float | None = None,
        text: str = "",
    ) -> Mark:
        return Mark(self.name, kind, fd, iteration, event, state, value, box, clean(text))


@cache
def font_of(kind: str, state: str) -> str:
    return role(kind, state, None).font


def kept(tape: Tape, index: int) -> Iteration | None:
    """Iteration `index`, or None if the tape has none."""
    try:
        return tape.iteration(index)
    except IndexError:
        return None


def at_call(it: Iteration, before: Iteration | None, call: int | None) -> Iteration:
    """`it` with its bytes as they stood after `call` of its calls; all of it where that is None."""
    if call is None or call >= len(it.calls) or not it.moments:
        return it
    queues, accounts, contents = dict(it.queues), dict(it.accounts), dict(it.contents)
    for fd in {moment.fd for moment in it.moments}:
        seen = [moment for moment in it.moments if moment.fd == fd and moment.after <= call]
        _put(queues, fd, seen[-1].queues if seen else before and before.queues.get(fd))
        _put(accounts, fd, seen[-1].account if seen else before and before.accounts.get(fd))
        _put(contents, fd, seen[-1].contents if seen else before and before.contents.get(fd))
    return replace(it, queues=queues, accounts=accounts, contents=contents)


def _put(table: dict[int, Any], fd: int, held: Any) -> None:
    table.pop(fd, None)
    if held is not None:
        table[fd] = held


def labelled(it: Iteration | None, fd: int) -> str:
    """An fd with the reader's name for it: `7 alice`."""
    name = it.names.get(fd, "") if it is not None else ""
    return str(fd) if not name or name == f"fd {fd}" else f"{fd} {clean(name)}"
