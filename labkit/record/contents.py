"""The bytes themselves, as far as somebody can say which they are: the first few of each place.

The kernel shows what it has received (MSG_PEEK), and nothing of what it has still to send: for that, what was
handed to it last is kept here.
"""

from __future__ import annotations

from typing import Any

from labkit import kernel
from labkit.tape.turn import CONTENTS_AT_MOST

LOOKED_AT_MOST = 1_024  # bytes in a receive queue that is looked into
KEPT = 65_536  # bytes handed over last, of one end of one connection


class Sent:
    """The last bytes that one end of a connection handed to its kernel."""

    __slots__ = ("_end", "_kept")

    def __init__(self) -> None:
        self._kept, self._end = bytearray(), 0

    def add(self, data: Any, count: int, total: int) -> None:
        """The first `count` bytes of `data` were taken; `total` have been in all, with them."""
        if self._end != total - count:  # some passed unseen: what is kept does not join on
            self._kept.clear()
        self._end = total
        if count:
            self._kept += bytes(memoryview(data))[max(0, count - KEPT) : count]
        del self._kept[:-KEPT]

    def last(self, count: int | None, total: int) -> bytes | None:
        """The first few of the last `count` bytes of `total`; None if they were not kept."""
        if count == 0:
            return b""
        if count is None or self._end != total or count > len(self._kept):
            return None
        start = len(self._kept) - count
        return bytes(self._kept[start : start + CONTENTS_AT_MOST])


def received(fd: int, count: int | None) -> bytes | None:
    """The first few of the `count` bytes in the receive queue of `fd`, which stay there.

    None if there are many: a look at a long queue makes TCP announce its window too early, and then the
    sender waits for a timer (measured; tcp(7)). What is looked at must go on as if nobody had looked.
    """
    if not count:
        return None if count is None else b""
    if count > LOOKED_AT_MOST:
        return None
    return kernel.peek(fd, min(count, CONTENTS_AT_MOST))


def first(buffer: Any, skipped: int = 0) -> bytes | None:
    """The first few bytes of a program's own buffer after the `skipped` ones; None if it is no buffer.

    A buffer is bytes, text, or what has getvalue().
    """
    if isinstance(buffer, str):
        buffer = buffer[: skipped + CONTENTS_AT_MOST].encode("utf-8", "replace")
    if isinstance(buffer, bytes | bytearray | memoryview):
        return bytes(buffer[skipped : skipped + CONTENTS_AT_MOST])
    getvalue = getattr(buffer, "getvalue", None)
    return first(getvalue(), skipped) if callable(getvalue) else None
