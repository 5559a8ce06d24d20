"""The code of a few functions in columns, so that a reader can compare them line by line.

It reads the source that Python has of them, and runs none of it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import labkit.measure.html as html

SMALL = 'style="margin: 0; font-size: 11px; line-height: 1.35; white-space: pre"'


class SideBySide(dict[str, Callable[..., Any]]):
    """Functions by a heading each, shown as columns of code; as text, one under the other."""

    @property
    def lines(self) -> dict[str, int]:
        """How many lines of code each has under its `def`."""
        return {name: len(self._body(function)) for name, function in self.items()}

    def _body(self, function: Callable[..., Any]) -> list[str]:
        source = source_of(function)
        first = ast.parse(source).body[0].body[0].lineno  # type: ignore[attr-defined]
        return [line for line in source.splitlines()[first - 1 :] if line.strip()]

    def _repr_html_(self) -> str:
        columns = [
            f"<pre {SMALL}>{'<br>'.join(map(html.text, source_of(each).splitlines()))}</pre>"
            for each in self.values()
        ]
        heads = [f"{name}: {count} lines" for name, count in self.lines.items()]
        return f'<div style="overflow-x: auto">{html.table(list(map(html.text, heads)), [columns])}</div>'

    def __repr__(self) -> str:
        return "\n".join(
            f"# {name}: {self.lines[name]} lines\n{source_of(each)}" for name, each in self.items()
        )


def source_of(function: Callable[..., Any]) -> str:
    """A function's text; a method's begins at the left margin too."""
    return textwrap.dedent(inspect.getsource(function))
