"""A tape as a file: JSON lines, a header and then one object an iteration; written whole or not at all.

A file is somebody else's: every field is looked at before it is believed, and the error names the line. It
knows records, and nothing of the ring that holds them.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from labkit.tape.packing import FLAT, TABLES, Changes, Record, Snapshot, rows
from labkit.tape.text import printable

FORMAT = 2  # the version that save() writes; load() reads this one and the one before
RENAMED = {"waited_ns": "asleep_ns", "handled_ns": "awake_ns", "changes": "interest"}  # format 1
DAMAGED = ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError


def save(
    path: Path, about: dict[str, str], dropped: int, base: Snapshot, records: Iterable[tuple[Any, ...]]
) -> Path:
    """Write a header, and a line for each record, the first of which is turn `dropped`."""
    with replaced(path) as file:
        standing = {name: getattr(base, name) for name in TABLES}
        standing["contents"] = {fd: _text(held) for fd, held in base.contents.items()}
        header = {"labkit-tape": FORMAT, "about": about, "dropped": dropped, "standing": standing}
        file.write(json.dumps(header) + "\n")
        for index, record in enumerate(records, dropped):
            file.write(json.dumps(_to_json(index, record)) + "\n")
    return path


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """A file to write, which is at `path` when the block has ended well; else `path` is what it was.

    A device or a pipe is written to as it is.
    """
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    path = path.resolve()  # a link stays one
    beside = path.with_name(f".labkit-{os.getpid()}-{threading.get_ident()}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, beside)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def load(path: Path) -> Iterator[Any]:
    """First (about, dropped, what stands before the first record), then the records.

    ValueError names the line that is not one of a tape, and what is wrong with it.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        number, line = 1, file.readline()
        try:
            about, dropped, standing = _header(json.loads(line))
            yield about, dropped, standing
            for number, line in enumerate(file, 2):
                yield _from_json(dropped + number - 2, json.loads(line))
        except DAMAGED as error:
            cut = bool(line) and not line.endswith("\n")
            what = "it is cut short" if cut else printable(_reason(error))
            raise ValueError(
                f"{path}, line {number}: not a labkit tape from here on ({what}). "
                "Save it again with tape.save(), or delete this line and all after it."
            ) from error


def _reason(error: Exception) -> str:
    return f"no {error} in it" if isinstance(error, KeyError) else str(error)


# ---- a record as JSON --------------------------------------------------------------------------------------


def _to_json(index: int, record: tuple[Any, ...]) -> dict[str, Any]:
    row = {"index": index, **Record(*record)._asdict()}
    changes = row.pop("changes")
    row |= {name: list(rows(row[name], width)) for name, width in FLAT.items()}
    if changes is not None:
        row |= {name: value for name, value in Changes(*changes)._asdict().items() if value}
        row["moments"] = [(*moment, _text(held)) for *moment, held in row.get("moments", ())]
        row["contents"] = [(fd, _text(held)) for fd, held in row.get("contents", ())]
    return row


def _from_json(index: int, row: dict[str, Any]) -> tuple[Any, ...]:
    row = {"stepped": False} | {RENAMED.get(name, name): value for name, value in row.items()}
    if row["index"] != index:
        raise ValueError(f"iteration {row['index']} stands where {index} should")
    row |= {name: row.get(name) or [] for name in Changes._fields}
    row["moments"] = [[*each, None] if len(each) == 4 else each for each in row["moments"]]  # of format 1
    for name, holds in FIELDS.items():
        _check(name, holds, row[name])
    more = Changes(*(_freeze(row[name]) for name in Changes._fields))
    moments = tuple((*moment, _octets(held)) for *moment, held in more.moments)
    contents = tuple((fd, _octets(held)) for fd, held in more.contents)
    changes = tuple(more._replace(moments=moments, contents=contents))
    row |= {name: [value for line in row[name] for value in line] for name in FLAT}
    values = [_freeze(row[name]) for name in Record._fields[:-1]]
    return (*values, changes if any(changes) else None)


def _header(header: dict[str, Any]) -> tuple[dict[str, str], int, Snapshot]:
    version = header["labkit-tape"]
    if version not in (1, FORMAT):
        raise ValueError(f"format {version}; this labkit reads formats 1 and {FORMAT}")
    _check("about", lambda about: isinstance(about, dict) and all(map(text, about.values())), header["about"])
    _check("dropped", lambda dropped: integer(dropped) and dropped >= 0, header["dropped"])
    standing = Snapshot()
    stands = {"contents": {}, "backlog": {}} | header["standing"]
    for name, holds in STANDS.items():
        table = {int(fd): value for fd, value in stands[name].items()}
        for fd, value in table.items():
            _check(f"standing, {name} of fd {fd}", holds, value)
        setattr(standing, name, {fd: _freeze(value) for fd, value in table.items()})
    standing.names = {fd: printable(name) for fd, name in standing.names.items()}
    standing.contents = {fd: _octets(held) for fd, held in standing.contents.items()}
    about = {printable(key): printable(value) for key, value in header["about"].items()}
    return about, header["dropped"], standing


def _text(contents: Any) -> Any:
    """Bytes as JSON has them: a character each (latin-1)."""
    return contents and tuple(None if each is None else each.decode("latin-1") for each in contents)


def _octets(contents: Any) -> Any:
    """What _text made, as it was."""
    return contents and tuple(None if each is None else each.encode("latin-1") for each in contents)


def _freeze(value: Any) -> Any:
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value


# ---- what each field may hold ------------------------------------------------------------------------------

Holds = Callable[[Any], bool]


def _check(name: str, holds: Holds, value: Any) -> None:
    if not holds(value):
        raise ValueError(f"{name} cannot be {str(value)[:60]}")


def integer(value: Any) -> bool:
    """A whole number that a C program could hold too."""
    return type(value) is int and -(2**63) <= value < 2**63


def seconds(value: Any) -> bool:
    """A number that is one; math.inf too, since a program may wait with it."""
    return integer(value) or (type(value) is float and not math.isnan(value))


def events(value: Any) -> bool:
    """A mask of Event."""
    return integer(value) and 0 <= value <= 7


def text(value: Any) -> bool:
    """Any text; what is not printable in it is escaped before it is shown."""
    return isinstance(value, str)


def word(value: Any) -> bool:
    """The name of a call or an action."""
    return isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()


def truth(value: Any) -> bool:
    """True or False."""
    return isinstance(value, bool)


def octets(value: Any) -> bool:
    """Bytes, a character each."""
    return isinstance(value, str) and all(each < "\u0100" for each in value)


def maybe(holds: Holds) -> Holds:
    """That, or None."""
    return lambda value: value is None or holds(value)


def line(*holds: Holds) -> Holds:
    """So many values, each with its own kind."""
    return lambda value: (
        isinstance(value, list)
        and len(value) == len(holds)
        and all(each(item) for each, item in zip(holds, value, strict=True))
    )


def many(holds: Holds) -> Holds:
    """Any number of them."""
    return lambda value: isinstance(value, list) and all(map(holds, value))


QUEUES = (maybe(integer),) * 4
ACCOUNT = maybe(line(*(integer,) * 6, truth, truth))
CAPACITY = maybe(line(*(maybe(integer),) * 4))
CONTENTS = maybe(line(*(maybe(octets),) * 6))
FIELDS: dict[str, Holds] = {
    "at_ns": integer,
    "timeout": maybe(seconds),
    "ready": many(line(integer, events)),
    "asleep_ns": integer,
    "awake_ns": integer,
    "cpu_ns": integer,
    "thread": integer,
    "calls": many(line(integer, word, maybe(integer), maybe(integer), integer, integer)),
    "samples": many(line(integer, *QUEUES, ACCOUNT)),
    "stepped": truth,
    "interest": many(line(integer, events)),
    "gone": many(integer),
    "names": many(line(integer, text, CAPACITY)),
    "pokes": many(line(text, word, maybe(integer), maybe(integer), integer)),
    "errors": many(line(integer, text)),
    "moments": many(line(integer, integer, line(*QUEUES), ACCOUNT, CONTENTS)),
    "contents": many(line(integer, CONTENTS)),
    "backlog": many(line(integer, integer)),
}
STANDS: dict[str, Holds] = {
    "interest": events,
    "held": line(*QUEUES, ACCOUNT),
    "names": text,
    "capacity": CAPACITY,
    "contents": CONTENTS,
    "backlog": integer,
}
