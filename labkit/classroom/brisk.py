"""While a class is served, threads hand the interpreter on after one millisecond instead of five.

The loop needs the interpreter again after every system call of its own, and the figure computes meanwhile: at
five milliseconds a hand-over, a turn of ten calls takes fifty (sys.setswitchinterval). It knows no room.
"""

from __future__ import annotations

import sys
from typing import Any

BRISK = 0.001  # seconds
_served: set[int] = set()
_before = 0.0


def begin(who: Any) -> None:
    """From now on, until end(who). Several may have begun; what was set before the first comes back."""
    global _before
    if not _served:
        _before = sys.getswitchinterval()
        sys.setswitchinterval(min(BRISK, _before))
    _served.add(id(who))


def end(who: Any) -> None:
    """The last one puts back what was set before; nothing if it never began."""
    if id(who) in _served:
        _served.remove(id(who))
        if not _served:
            sys.setswitchinterval(_before)
