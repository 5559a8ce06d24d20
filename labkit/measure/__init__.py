"""Small honest measurements: one call, one thread, two connected sockets, a sweep over sizes.

They ask the kernel and a clock, and record programs beside them as watching does. They know neither labs nor
figures.
"""

from labkit.measure.alarm import alarm
from labkit.measure.call import Measured, Table, measured, shown
from labkit.measure.connection import End, Strip, end_of
from labkit.measure.costs import Point, Sweep
from labkit.measure.facts import Facts
from labkit.measure.grid import Grid
from labkit.measure.pair import pair
from labkit.measure.reference import ALL_READY, ONE_READY, TEN_MB
from labkit.measure.sampler import Sampler, threads
from labkit.measure.side_by_side import SideBySide
from labkit.measure.sweeping import fd_room, sizes, sweep

__all__ = [
    "ALL_READY",
    "ONE_READY",
    "TEN_MB",
    "End",
    "Facts",
    "Grid",
    "Measured",
    "Point",
    "Sampler",
    "SideBySide",
    "Strip",
    "Sweep",
    "Table",
    "alarm",
    "end_of",
    "fd_room",
    "measured",
    "pair",
    "shown",
    "sizes",
    "sweep",
    "threads",
]
