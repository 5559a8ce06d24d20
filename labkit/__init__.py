"""The event-loop lab: an event loop on real sockets, recorded, stepped and drawn.

    from labkit import Lab, Channel, LiveFigure

`import labkit` loads the standard library only; the rest is loaded when it is first named.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if sys.platform == "win32":
    raise ImportError(
        "labkit asks a Unix kernel about its sockets, and Windows has no such answers. "
        "Install WSL (wsl --install), open its terminal, and run the lab there."
    )

if TYPE_CHECKING:
    from labkit.classroom.wall import Classroom as Classroom
    from labkit.diagnosis.finding import Finding as Finding
    from labkit.diagnosis.rules import diagnose as diagnose
    from labkit.figure.live import LiveFigure as LiveFigure
    from labkit.figure.live_sweep import LiveSweep as LiveSweep
    from labkit.lab.asyncore_lab import AsyncoreLab as AsyncoreLab
    from labkit.measure.costs import Sweep as Sweep
    from labkit.measure.sweeping import sweep as sweep
    from labkit.teaching.practice import check as check
    from labkit.teaching.predict import predict as predict
    from labkit.watching.watch import watch as watch

from labkit import kernel
from labkit.lab.crowd import Crowd
from labkit.lab.lab import Lab
from labkit.lab.peer import Peer
from labkit.loop import Channel, Listener, Loop
from labkit.record.selectors import BusySelector, RecordingSelector
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape
from labkit.tape.turn import Account, Call, Contents, Event, Queues

__version__ = "0.1.0"

_ON_FIRST_USE = {
    "AsyncoreLab": "labkit.lab.asyncore_lab",
    "Classroom": "labkit.classroom.wall",
    "Finding": "labkit.diagnosis.finding",
    "LiveFigure": "labkit.figure.live",
    "LiveSweep": "labkit.figure.live_sweep",
    "Sweep": "labkit.measure.costs",
    "check": "labkit.teaching.practice",
    "diagnose": "labkit.diagnosis.rules",
    "predict": "labkit.teaching.predict",
    "sweep": "labkit.measure.sweeping",
    "watch": "labkit.watching.watch",
}

__all__ = [
    "Account",
    "AsyncoreLab",
    "BusySelector",
    "Call",
    "Channel",
    "Classroom",
    "Contents",
    "Crowd",
    "Event",
    "Finding",
    "Iteration",
    "Lab",
    "Listener",
    "LiveFigure",
    "LiveSweep",
    "Loop",
    "Peer",
    "Queues",
    "RecordingSelector",
    "Sweep",
    "Tape",
    "check",
    "diagnose",
    "kernel",
    "predict",
    "sweep",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'labkit' has no attribute {name!r}")
    return getattr(import_module(_ON_FIRST_USE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_FIRST_USE})
