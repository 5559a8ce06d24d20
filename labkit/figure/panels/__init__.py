"""The panels of the figure, one a file; each draws one position of a tape and knows of nothing else.

Whatever a panel shows is a function of (tape, index). No panel knows a lab, a loop, a peer or a widget.
"""

from __future__ import annotations

from labkit.figure.panels.buffers import Buffers
from labkit.figure.panels.call_map import CallMap
from labkit.figure.panels.calls import ThisIteration
from labkit.figure.panels.fd_sets import FdSets
from labkit.figure.panels.panel import Panel
from labkit.figure.panels.source import SourceLines
from labkit.figure.panels.time import Time

PANELS: dict[str, type[Panel]] = {
    "fd sets": FdSets,
    "buffers": Buffers,
    "calls": ThisIteration,
    "time": Time,
    "source": SourceLines,
    "call map": CallMap,
}
