"""Attributes of somebody else's objects that are ours for a while, and are put back.

It knows nothing of what they are.
"""

from __future__ import annotations

from typing import Any

_NONE = object()


class Patches:
    """Attributes that were set on objects, classes and modules, in order."""

    def __init__(self) -> None:
        self._put: list[tuple[Any, str, Any, Any]] = []

    def put(self, owner: Any, name: str, ours: Any) -> None:
        self._put.append((owner, name, ours, vars(owner).get(name, _NONE)))
        setattr(owner, name, ours)

    def take_back(self) -> None:
        """Put back what was there; where somebody has set theirs since, over ours, it stays."""
        for owner, name, ours, before in reversed(self._put):
            if vars(owner).get(name) is not ours:
                continue
            if before is _NONE:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self._put.clear()
