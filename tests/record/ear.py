"""Whoever is told of a socket's calls, and keeps them."""

from __future__ import annotations

from typing import Any


class Ear:
    """Is told, and keeps all of it in order."""

    def __init__(self, closely: bool = False) -> None:
        self.closely = closely
        self.heard: list[tuple[Any, ...]] = []

    def note(self, call: tuple[Any, ...]) -> None:
        *told, at_ns = call
        assert at_ns > 0
        self.heard.append(tuple(told))

    def drained(self, fd: int) -> None:
        self.heard.append(("drained", fd))

    def passes(self, fd: int, data: Any, count: int, *, sent: bool) -> None:
        self.heard.append(("passes", fd, bytes(data)[:count], sent))

    def ends_sending(self, fd: int) -> None:
        self.heard.append(("ends sending", fd))

    def closes(self, fd: int) -> None:
        self.heard.append(("closes", fd))
