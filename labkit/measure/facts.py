"""A few facts under each other, each with its name: what an experiment found that is no measured call."""

from __future__ import annotations

from typing import Any

import labkit.measure.html as html
from labkit.measure.call import shown


class Facts(dict[str, Any]):
    """Names and what was found, a row each, in a notebook and as text. A string is shown as it stands."""

    def _repr_html_(self) -> str:
        return html.table([], [[html.text(name), _strong(_said(found))] for name, found in self.items()])

    def __repr__(self) -> str:
        wide = max(map(len, self), default=0)
        return "\n".join(f"{name:<{wide}}  {_said(found)}" for name, found in self.items())


LONG = 70  # characters: a sentence takes several lines


def _strong(words: str) -> str:
    if len(words) <= LONG:
        return html.strong(words)
    return f'<div style="white-space: normal; max-width: 40em">{html.strong(words)}</div>'


def _said(found: Any) -> str:
    """Several things are a row of them; no list is shown as Python writes it."""
    if isinstance(found, list | tuple | frozenset):
        return ", ".join(map(_said, found)) or "none"
    return shown(found)
