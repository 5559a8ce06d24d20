"""A value of a program as short text, for a line of source: what a reader needs of it, and nothing is called.

It knows neither frames nor tapes.
"""

from __future__ import annotations

import inspect
import select
from typing import Any

LONGEST = 60  # characters of a value
FLAGS = ("POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLNVAL")


def shown(value: Any) -> str:
    """A value as short text. No object's own __repr__ is called: it is the reader's, and may do anything."""
    if isinstance(value, bytes | bytearray | str) and len(value) > 24:
        unit = "characters" if isinstance(value, str) else "bytes"
        return f"{value[:16]!r}… {len(value):,} {unit}"
    if value is None or isinstance(value, bool | int | float | str | bytes | bytearray):
        return repr(value)
    if isinstance(value, list | tuple | set | frozenset | dict) and type(value).__module__ == "builtins":
        return _container(value)
    if inspect.isroutine(value):
        return f"{getattr(value, '__qualname__', '?')}()"
    buffer = getattr(type(value), "getvalue", None)
    if buffer is not None and type(value).__module__ == "_io":
        try:
            return f"<{type(value).__name__}: {len(value.getvalue()):,}>"
        except ValueError:
            return f"<{type(value).__name__}: closed>"
    return f"<{type(value).__name__}>"


def _container(value: Any) -> str:
    opening, closing = {"list": ("[", "]"), "tuple": ("(", ")")}.get(type(value).__name__, ("{", "}"))
    parts: list[str] = []
    room = LONGEST
    for count, each in enumerate(value):
        text = f"{shown(each)}: {shown(value[each])}" if isinstance(value, dict) else shown(each)
        room -= len(text) + 2
        if room < 0:
            parts.append(f"… {len(value) - count:,} more")
            break
        parts.append(text)
    return f"{opening}{', '.join(parts)}{closing}"


def flags(value: Any) -> str:
    """Flags of poll(2) by name: `17 = POLLIN|POLLHUP`."""
    if not isinstance(value, int) or not hasattr(select, "POLLIN"):
        return shown(value)
    names = [name for name in FLAGS if value & getattr(select, name)]
    return f"{value} = {'|'.join(names)}" if names else str(value)
