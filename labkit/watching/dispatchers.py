"""What a dispatcher of asyncore holds, and what it is called: found by the names that programs usually give.

It knows asyncore's attributes only, and does not import it.
"""

from __future__ import annotations

from typing import Any

from labkit.record.watched import Described, Sizes
from labkit.watching.names import Names, written

READ_BUFFERS = ("rbuf", "read_buffer", "in_buffer", "ac_in_buffer")  # where programs keep what they have read
WRITE_BUFFERS = ("out_buffer", "write_buffer")


def dispatcher_sizes(dispatcher: Any) -> Sizes:
    """Bytes in a dispatcher's (read buffer, write buffer), found by their usual names; None where none is."""
    read, write = dispatcher_buffers(dispatcher)
    return _size(read), _size(write)


def dispatcher_buffers(dispatcher: Any) -> tuple[Any, Any]:
    """A dispatcher's (read buffer, write buffer) themselves, found by their usual names."""
    try:
        attributes = vars(dispatcher)
    except TypeError:
        return None, None
    return (
        next((attributes[name] for name in READ_BUFFERS if name in attributes), None),
        next((attributes[name] for name in WRITE_BUFFERS if name in attributes), None),
    )


def _size(buffer: Any) -> int | None:
    if isinstance(buffer, bytes | bytearray | str | memoryview):
        return len(buffer)
    try:
        return len(buffer.getvalue())  # BytesIO, StringIO: this moves no cursor
    except (AttributeError, TypeError, ValueError):  # it is something else, or closed
        return None


def describe_dispatcher(names: Names, fd: int, dispatcher: Any) -> Described:
    """A dispatcher's name, made from its class and the port of its peer, and its queues' capacities."""
    if getattr(dispatcher, "socket", None) is None:
        return f"fd {fd}", None
    name = type(dispatcher).__name__
    goes_to = getattr(dispatcher, "addr", None)
    if getattr(dispatcher, "connecting", False) and isinstance(goes_to, tuple | str):
        return f"{name} to {written(goes_to)}", None
    return names.describe(fd, accepted=True, prefix=name)
