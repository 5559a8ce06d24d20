"""Lines that ran, in order, as data: what each of them saw, and where a reader stands among them.

It knows neither tapes nor labs, nor how lines are caught.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

KEPT = 64  # iterations whose lines are kept


@dataclass(frozen=True, slots=True)
class Line:
    """One line of source that was about to run, or a function that was about to return.

    `depth` is how many functions that are shown called one another above it. `values` are (name, value as
    text) of what it could see. `returns` is None, or what the function returns or raises. `calls` is how many
    calls of the iteration were on the tape by then, where that is known.
    """

    function: str
    filename: str
    lineno: int
    depth: int
    values: tuple[tuple[str, str], ...] = ()
    returns: str | None = None
    calls: int | None = None


class Source:
    """Lines that ran, in order, and a position among them: forward() and back() move it.

    `iteration` is the index on the tape of the iteration that ran them, None for any other function.
    """

    def __init__(
        self,
        lines: Iterable[Line],
        texts: Mapping[tuple[str, str], tuple[int, tuple[str, ...]]],
        iteration: int | None = None,
    ) -> None:
        self.lines = tuple(lines)
        self.iteration = iteration
        self.at = 0
        self._texts = texts

    @property
    def line(self) -> Line | None:
        """The line at the position; None if nothing ran that has a source to show."""
        return self.lines[self.at] if self.lines else None

    @property
    def text(self) -> tuple[int, tuple[str, ...]]:
        """(number of the first, lines) of the function that the current line is in; (0, ()) if unknown."""
        return self.text_of(self.line) if self.line is not None else (0, ())

    def text_of(self, line: Line) -> tuple[int, tuple[str, ...]]:
        """(number of the first, lines) of the function that `line` is in; (0, ()) if unknown."""
        return self._texts.get((line.filename, line.function), (0, ()))

    def forward(self) -> bool:
        """To the next line; False at the last."""
        return self.seek(self.at + 1)

    def back(self) -> bool:
        """To the line before; False at the first."""
        return self.seek(self.at - 1)

    def seek(self, at: int) -> bool:
        """To line number `at`, counted from 0; False, and no move, if there is none."""
        if not 0 <= at < len(self.lines):
            return False
        self.at = at
        return True

    @property
    def chain(self) -> tuple[str, ...]:
        """The functions that called one another to get to the current line, outermost first."""
        found: list[str] = []
        for line in reversed(self.lines[: self.at + 1]):
            if not found or line.depth == self.lines[self.at].depth - len(found):
                found.append(line.function)
        return tuple(reversed(found))

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    def __str__(self) -> str:
        line, (first, text) = self.line, self.text
        if line is None:
            return "no line ran that has a source"
        rows = [f"{line.function}, line {line.lineno} of {Path(line.filename).name}, depth {line.depth}"]
        for number, row in enumerate(text, first):
            rows.append(f"{'→' if number == line.lineno else ' '} {number:>4}  {row}")
        rows += [f"       {name} = {value}" for name, value in line.values]
        if line.returns is not None:
            rows.append(f"       {line.returns}")
        return "\n".join(rows)

    def __repr__(self) -> str:
        return f"<Source of {len(self.lines)} lines, at {self.at}>"


class Traced(Mapping[int, Source]):
    """The lines of the iterations that were traced, by their index on the tape: the newest 64 of them."""

    def __init__(self) -> None:
        self._sources: OrderedDict[int, Source] = OrderedDict()

    def add(self, source: Source) -> None:
        if source.iteration is not None:
            self._sources[source.iteration] = source
            while len(self._sources) > KEPT:
                self._sources.popitem(last=False)

    def __getitem__(self, index: int) -> Source:
        try:
            return self._sources[index]
        except KeyError:
            raise KeyError(f"iteration {index} was not traced: step inside `with tracing(lab)`") from None

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._sources))

    def __len__(self) -> int:
        return len(self._sources)
