"""The ways through a tape: how fast, by how much, and to what: an error, EAGAIN, a finding, some words.

It knows tapes and findings, and nothing of figures.
"""

from __future__ import annotations

import errno
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape

SPEEDS = {"1 a second": 1.0, "4 a second": 4.0, "16 a second": 16.0, "as it comes": 0.0}
GRANULARITIES = ("iteration", "call", "source line")

BLOCKED = (errno.EAGAIN, errno.EWOULDBLOCK)
LABKIT = str(Path(__file__).resolve().parents[1])


class Flag(Protocol):
    """What is to be known of a finding."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


def _failed(it: Iteration) -> bool:
    return bool(it.errors) or any(call.errno and call.errno not in BLOCKED for call in it.calls)


def _blocked(it: Iteration) -> bool:
    return any(call.errno in BLOCKED for call in it.calls)


NAMED: dict[str, Callable[[Iteration], bool]] = {"error": _failed, "EAGAIN": _blocked}
NAMES = (*NAMED, "longest awake", "finding")


def find(tape: Tape, what: str, start: int, way: int, findings: Iterable[Flag] = ()) -> int | None:
    """The nearest iteration after (way 1) or before (−1) `start` of which `what` is true; None without one.

    `what` is one of NAMES, or words that the iteration's explanation contains, in capitals or not.
    """
    if what == "finding":
        ahead = [each.first for each in findings if (each.first - start) * way > 0]
        return None if not ahead else min(ahead) if way > 0 else max(ahead)
    if what == "longest awake":
        longest = max(tape, key=lambda it: it.awake_ns, default=None)
        return None if longest is None else longest.index
    true = NAMED.get(what) or _says(what)
    return next((it.index for it in _ahead(tape, start, way) if true(it)), None)


def everywhere(tape: Tape, first: int, last: int, findings: Iterable[Flag]) -> dict[str, list[int]]:
    """The iterations first..last of which each of NAMES is true."""
    its = [tape.iteration(index) for index in range(first, last + 1)]
    found = {name: [it.index for it in its if true(it)] for name, true in NAMED.items()}
    longest = max(its, key=lambda it: it.awake_ns, default=None)
    found["longest awake"] = [] if longest is None else [longest.index]
    found["finding"] = sorted({each.first for each in findings if first <= each.first <= last})
    return found


def is_own(filename: str) -> bool:
    """Whether a file is the reader's: neither labkit's, nor installed."""
    paths = sysconfig.get_paths()
    installed = [paths[each] for each in ("stdlib", "platstdlib", "purelib", "platlib")]
    return not any(filename.startswith(folder) for folder in [*installed, LABKIT])


def _says(words: str) -> Callable[[Iteration], bool]:
    low = words.lower()
    return lambda it: low in it.explain().lower()


def _ahead(tape: Tape, start: int, way: int) -> Iterator[Iteration]:
    index = start + way
    while tape.dropped <= index < tape.dropped + len(tape):
        try:
            yield tape.iteration(index)
        except IndexError:  # the ring has let go of it
            return
        index += way
