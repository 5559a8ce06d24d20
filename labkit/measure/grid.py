"""A small table with headings: what several things answered to the same questions.

It knows what it is given, and nothing of where that comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import labkit.measure.html as html
from labkit.measure.call import shown


@dataclass(frozen=True, slots=True)
class Grid:
    """`rows` by name, each with a cell for every heading after the first, which is that of the names."""

    headings: Sequence[str]
    rows: Mapping[str, Sequence[Any]]

    def _repr_html_(self) -> str:
        body = [[html.strong(name), *map(_wrapped, cells)] for name, *cells in self._texts()]
        return html.table(list(map(html.text, self.headings)), body)

    def __repr__(self) -> str:
        lines = [list(self.headings), *self._texts()]
        wide = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(line, wide, strict=True)).rstrip()
            for line in lines
        )

    def _texts(self) -> list[list[str]]:
        return [[name, *map(shown, cells)] for name, cells in self.rows.items()]


def _wrapped(words: str) -> str:
    """A sentence takes several lines; what is short stays on one."""
    if len(words) <= LONG:
        return html.text(words)
    return f'<div style="white-space: normal; max-width: 26em">{html.text(words)}</div>'


LONG = 40  # characters
