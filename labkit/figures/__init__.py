"""The panels of the figure, one a file; each draws one position of a tape and knows of nothing else.

Whatever a panel shows is a function of (tape, index). No panel knows a lab, a loop, a peer or a widget.
"""

from __future__ import annotations

from labkit.figures.buffers import Buffers
from labkit.figures.call_map import CallMap
from labkit.figures.calls import ThisIteration
from labkit.figures.fd_sets import FdSets
from labkit.figures.frame import Frame
from labkit.figures.panel import Panel
from labkit.figures.source import SourceLines
from labkit.figures.states import States
from labkit.figures.still import Still
from labkit.figures.theme import THEMES, Theme
from labkit.figures.threads import Threads
from labkit.figures.time import Time

PANELS: dict[str, type[Panel]] = {
    "fd sets": FdSets,
    "buffers": Buffers,
    "calls": ThisIteration,
    "time": Time,
    "source": SourceLines,
    "call map": CallMap,
}

__all__ = [
    "PANELS",
    "THEMES",
    "Buffers",
    "CallMap",
    "FdSets",
    "Frame",
    "Panel",
    "SourceLines",
    "States",
    "Still",
    "Theme",
    "ThisIteration",
    "Threads",
    "Time",
]
