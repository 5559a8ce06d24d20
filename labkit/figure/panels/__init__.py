"""The panels of the figure, one a file: each makes marks from one position of a tape, and knows nothing else.

No panel knows a lab, a loop, a peer, a widget or a printer.
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
    panel.name: panel for panel in (FdSets, Buffers, ThisIteration, Time, SourceLines, CallMap)
}
