"""The source of what is running: the lines that an iteration ran, one after another, with their values.

    lines = trace(lab)                 # one step of a lab, line by line
    print(lines); lines.forward(); lines.back()

    with tracing(lab) as traced: lab.step(3)
    traced[2]                          # the lines of iteration 2

It stands above labs: it runs a step in the lab's own thread. It knows no figure.
"""

from __future__ import annotations

from labkit.trace.lines import Line, Source, Traced
from labkit.trace.tracer import call_map, trace, tracing

__all__ = ["Line", "Source", "Traced", "call_map", "trace", "tracing"]
