"""The reader's own progress: one readable file, kept by every notebook and terminal that a reader has open.

    note("exercise", "edge-safe-reading", passed=True, score=3)
    read()["exercise"]["edge-safe-reading"]["passed"]

The file is $LABKIT_PROGRESS, else progress.json in the user's data folder. A change is atomic and waits for
other processes. A file that cannot be read is put aside, never overwritten. Nothing here raises because of
the file: what cannot be written is remembered until the process ends. It knows nothing of what is kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

log = logging.getLogger("labkit")

VERSION = 1
HEAD = "labkit progress"  # the key that holds the version, first in the file
LOCK_WITHIN = 2.0  # seconds that a change waits for another process
Book = dict[str, dict[str, Any]]  # kind → id → what is kept

_remembered: Book = {}  # what could not be written, for as long as this process lives


def path() -> Path:
    """Where it is kept: $LABKIT_PROGRESS (a file, or a folder for one), else in the user's data folder."""
    named = os.environ.get("LABKIT_PROGRESS")
    if not named:
        from platformdirs import user_data_path

        return user_data_path("labkit", appauthor=False) / "progress.json"
    place = Path(named).expanduser()
    return place / "progress.json" if place.is_dir() else place


def read() -> Book:
    """All that is kept, {kind: {id: what}}; a kind that is damaged is left out."""
    try:
        book = _read(path())
    except (OSError, ValueError):
        book = {}
    for kind, entries in _remembered.items():
        book[kind] = book.get(kind, {}) | entries
    return book


def note(kind: str, id: str, **facts: Any) -> bool:
    """Keep the latest facts of one thing, with `when`, and `passed_first`: when `passed` was true first."""

    def newest(kept: Any) -> dict[str, Any]:
        then, at = kept if isinstance(kept, dict) else {}, now()
        first = {"passed_first": then.get("passed_first", at)} if facts.get("passed") else {}
        return {**then, **facts, **first, "when": at}

    return change(kind, id, newest)


def change(kind: str, id: str, new: Callable[[Any], Any]) -> bool:
    """Replace what is kept by `new(what was kept, or None)`. False if it is only remembered, not written."""

    def edit(book: Book) -> None:
        entries = book.setdefault(kind, {})
        entries[id] = new(entries.get(id))

    if _edit(edit):
        return True
    edit(_remembered)
    return False


def reset(prefix: str = "") -> int:
    """Forget all whose id begins with `prefix`; returns how many there were."""
    gone = sum(id.startswith(prefix) for entries in read().values() for id in entries)

    def edit(book: Book) -> None:
        for entries in book.values():
            for id in [id for id in entries if id.startswith(prefix)]:
                del entries[id]

    edit(_remembered)
    if gone:
        _edit(edit)
    return gone


def now() -> str:
    """The time as it is kept: 2026-01-31T12:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _edit(edit: Callable[[Book], None]) -> bool:
    """Read the file, edit it, write it, while no other process does. False if it cannot be written."""
    place = path()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _alone(place):
            try:
                book = _read(place)
            except ValueError as damage:
                log.warning("%s; it is kept as %s, and a new one begun", damage, _put_aside(place))
                book = {}
            edit(book)
            _replace(place, book)
    except OSError as error:
        log.debug("progress is not written: %s", error)
        return False
    return True


def _read(place: Path) -> Book:
    """What the file keeps. ValueError if it is damaged, OSError if it is not ours to read or to change."""
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(f"{place} cannot be read ({error})") from None
    version = kept.pop(HEAD, None) if isinstance(kept, dict) else None
    if not isinstance(version, int):
        raise ValueError(f"{place} is no file of progress")
    if version > VERSION:
        raise OSError(f"{place} was written by a newer labkit (version {version}); it is left alone")
    return {kind: entries for kind, entries in kept.items() if isinstance(entries, dict)}


def _replace(place: Path, book: Book) -> None:
    text = json.dumps({HEAD: VERSION, **book}, indent=1, ensure_ascii=False)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=place.name, suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _put_aside(place: Path) -> Path:
    """Rename a damaged file to a name that is free."""
    number = 1
    while (aside := place.with_name(f"{place.name}.damaged-{number}")).exists():
        number += 1
    os.replace(place, aside)
    return aside


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold the lock beside the file (flock(2)); where there are no locks, go on without."""
    with open(place.with_name(place.name + ".lock"), "a") as lock:
        deadline = time.monotonic() + LOCK_WITHIN
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"another process has held {place} for {LOCK_WITHIN:g} s") from None
                time.sleep(0.01)
            except OSError:  # a filesystem without locks
                break
        yield
