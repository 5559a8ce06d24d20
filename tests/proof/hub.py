"""make proof-hub: students log in to a real JupyterHub and run a lesson, ever more; what it takes.

Each student's kernel runs all of lesson 02. It stops when the time is over, at LIMIT students, or when half
of the machine's free memory is taken; what gave way first is said.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import nbformat

from ..deploy.hub import Hub, memory
from ..helpers import ROOT
from . import written

LESSON = ROOT / "notebooks" / "02-busy-polling-and-select.ipynb"
LIMIT = 20
ENDS = 120.0  # seconds that one student's lesson may take


def main() -> None:
    left = written.minutes(__doc__ or "", unit=10)
    free = available()
    rows = ["| students | memory of all | of each | lesson 02, last student |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder, Hub(Path(folder)) as hub:
        why = f"all {LIMIT} were served"
        for number in range(1, LIMIT + 1):
            took = lesson(hub, f"student{number}")
            taken = memory(hub.processes())
            row = f"| {number} | {taken / 1e6:,.0f} MB | {taken / 1e6 / number:,.0f} MB | {took:.0f} s |"
            print(row, flush=True)
            rows.append(row)
            if left() < 2 * took + 30:
                why = "the time was over"
                break
            if taken > free / 2:
                why = "half of the free memory was taken"
                break
    said = f"Ended because {why}. {os.cpu_count()} cores, {free / 1e9:.0f} GB free at the start."
    written.part("hub", "\n".join([*rows, "", said]), "make proof-hub")


def lesson(hub: Hub, student: str) -> float:
    """Start a student's server, and run every cell of the lesson in a kernel there; seconds."""
    hub.start(student)
    began = time.monotonic()
    run = {"path": LESSON.name, "name": LESSON.name, "type": "notebook", "kernel": {"name": "python3"}}
    session = hub.server(student, "POST", "/sessions", run)
    cells = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells if cell.cell_type == "code"]
    hub.execute(student, session["kernel"]["id"], cells, ENDS)
    return time.monotonic() - began


def available() -> int:
    """Bytes of memory that can be had."""
    rows = Path("/proc/meminfo").read_text().splitlines()
    return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("MemAvailable"))


if __name__ == "__main__":
    main()
