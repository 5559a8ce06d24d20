"""Servers that are ill in one way each, and their healthy twins: short scripts on real sockets, each a tape.

A patient is a function: with `healthy` it is the twin, which differs in the one thing that the illness is.
`ILLNESSES` says which rules should speak on the ill one.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

from labkit import Finding, Tape, diagnose

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import asyncore

PATIENTS: dict[str, tuple[Callable[[bool], Tape], set[str]]] = {}


def patient(*rules: str) -> Callable[[Callable[[bool], Tape]], Callable[[bool], Tape]]:
    def enter(function: Callable[[bool], Tape]) -> Callable[[bool], Tape]:
        PATIENTS[function.__name__] = function, set(rules)
        return function

    return enter


PRESSURE = Path("/proc/pressure/cpu")


def kept_waiting() -> float:
    """Seconds in which some thread of this machine waited for a CPU (PSI); 0 where that is unknown."""
    told = re.search(r"some .*total=(\d+)", PRESSURE.read_text() if PRESSURE.exists() else "")
    return int(told[1]) / 1e6 if told else 0.0


def judged(make: Callable[[], Tape], blocks: bool = False) -> list[Finding]:
    """What is found on a tape that is made now.

    A machine with too much to do may keep a thread waiting for its CPU; no tape can tell that from a handler
    that sleeps. If it did while the tape was made, nobody `blocks` unless that is what is to be found.
    """
    before = kept_waiting()
    found = diagnose(make())
    too_busy = kept_waiting() - before >= 0.1
    return [each for each in found if blocks or not too_busy or each.rule != "blocking"]


class Quiet(asyncore.dispatcher_with_send):
    """An echo that prints no traceback."""

    def handle_read(self) -> None:
        data = self.recv(4096)
        if data:
            self.send(data)

    def handle_error(self) -> None:
        self.handle_close()
