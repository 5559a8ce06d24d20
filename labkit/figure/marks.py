"""A mark: one thing that a figure shows, as data. What it stands for, and where it is.

Panels make marks from (tape, index, call or line); tests, mouse, keyboard and screen reader ask them;
printers draw them. This knows no tape, no printer and no colour.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple


class Mark(NamedTuple):
    """One thing that is shown.

    `panel` is the panel's name, `kind` what it is ("cell", "band", "bytes", "bar", "label", …), `state` which
    of its kind. `fd`, `iteration` and `event` say what it is of, None where it is of none; `event` is one bit
    of Event. `value` is the number that it shows, in bytes or ns. `box` is (x, y, w, h) in CSS pixels, of the
    figure at width 1000. `text` is what it says: drawn where its role has ink, else for the reader who asks.
    """

    panel: str
    kind: str
    fd: int | None
    iteration: int | None
    event: int | None
    state: str
    value: float | None
    box: tuple[float, float, float, float]
    text: str = ""


class Part(NamedTuple):
    """Marks of a panel that change together, such as one column, and what they are made from.

    `key` says which part of the panel it is, and stays; (x, y) is where it stands, and its boxes begin there.
    While `of` is equal, so are the marks, and whoever keeps what `make()` returned need not call it again.
    """

    key: str
    x: float
    y: float
    of: Hashable
    make: Callable[[], list[Mark]]
