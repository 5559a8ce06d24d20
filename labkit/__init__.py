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
    from labkit import source as source
    from labkit.hosting import HostedLab as HostedLab
    from labkit.live import LiveFigure as LiveFigure
    from labkit.measuring import LiveSweep as LiveSweep
    from labkit.sweeping import Sweep as Sweep
    from labkit.sweeping import sweep as sweep
    from labkit.watching import watch as watch

from labkit import kernel
from labkit.iteration import Account, Call, Event, Iteration, Queues
from labkit.lab import Lab
from labkit.loop import Channel, Listener, Loop
from labkit.peers import Crowd, Peer
from labkit.selecting import BusySelector, RecordingSelector
from labkit.tape import Tape

__version__ = "0.1.0"

_ON_FIRST_USE = {
    "HostedLab": "labkit.hosting",
    "LiveFigure": "labkit.live",
    "LiveSweep": "labkit.measuring",
    "Sweep": "labkit.sweeping",
    "source": "labkit.source",
    "sweep": "labkit.sweeping",
    "watch": "labkit.watching",
}

__all__ = [
    "Account",
    "BusySelector",
    "Call",
    "Channel",
    "Crowd",
    "Event",
    "HostedLab",
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
    "kernel",
    "source",
    "sweep",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'labkit' has no attribute {name!r}")
    module = import_module(_ON_FIRST_USE[name])
    return module if name == "source" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_FIRST_USE})
