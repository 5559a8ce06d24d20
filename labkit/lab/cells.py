"""What each notebook cell made: when a cell runs again, what it made before is closed.

One registry for labs, figures, sweeps and whatever else has a `close()`. Outside a notebook there are no
cells, and nothing is closed here but by close_all(). It knows nothing of what it closes.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any, Protocol

Cell = tuple[str, int]  # (the cell's id, the execution count of the run)


class Closes(Protocol):
    """Anything that can be closed, more than once."""

    def close(self) -> None:
        """Give back what it holds."""


_made: weakref.WeakKeyDictionary[Any, Cell | None] = weakref.WeakKeyDictionary()


def current() -> Cell | None:
    """The run of the notebook cell that is under way; None outside a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "get_parent"):
        return None
    cell = shell.get_parent().get("metadata", {}).get("cellId")
    return (cell, shell.execution_count) if cell else None


def close_earlier() -> None:
    """Close what an earlier run of the current cell made."""
    here = current()
    if here is None:
        return
    for thing, cell in list(_made.items()):
        if cell is not None and cell[0] == here[0] and cell[1] != here[1]:
            _made.pop(thing, None)
            thing.close()


def add(thing: Closes) -> None:
    """`thing` belongs to the current cell from now on; what an earlier run of it made is closed.

    Only a weak reference is kept.
    """
    close_earlier()
    _made[thing] = current()


_kept: set[Any] = set()


def keep(thing: Closes) -> None:
    """Keep what the current cell shows, though nobody has a name for it, until let_go(): close() calls that.

    Outside a notebook nothing is kept.
    """
    if current() is not None:
        _kept.add(thing)


def let_go(thing: Closes) -> None:
    """Keep `thing` no longer."""
    _kept.discard(thing)


def made(kind: type) -> list[Any]:
    """What is alive of one kind, whichever cell made it."""
    return [thing for thing in list(_made) if isinstance(thing, kind)]


def close_all(kind: type = object) -> None:
    """Close everything (of one kind) that any cell, or nobody's cell, made and that is alive still."""
    for thing in made(kind):
        _made.pop(thing, None)
        thing.close()
