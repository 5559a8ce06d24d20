"""make proof-hub: students log in to a real JupyterHub and run a lesson, ever more; what it takes.

Each student's kernel runs all of lesson 02, one student after another. After each, all that are there hold
a live figure at once for HELD seconds: where that takes twice as long, the cores have given way. It stops
then, when the time is over, at LIMIT students, or when half of the machine's free memory is taken.
"""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

from ..deploy.hub import Hub, cpu, memory
from ..deploy.test_hub import FIGURE
from ..helpers import ROOT
from . import written

LESSON = ROOT / "notebooks" / "02-busy-polling-and-select.ipynb"
LIMIT = 20
HELD = 2.0  # seconds that a live figure moves
ENDS = 120.0  # seconds that one student's lesson may take


def main() -> None:
    left = written.minutes(__doc__ or "", unit=10)
    free = available()
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    rows = [
        f"| students | memory of all | of each | lesson 02, last student | of it CPU "
        f"| {HELD:g} s of figures at once | CPU of each |",
        "|---|---|---|---|---|---|---|",
    ]
    kernels: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, Hub(Path(folder)) as hub:
        why = f"all {LIMIT} were served"
        for number in range(1, LIMIT + 1):
            took, used = lesson(hub, f"student{number}", kernels)
            held, each_used = figures(hub, kernels)
            taken = memory(hub.processes())
            each = f"{taken / 1e6:,.0f} MB | {taken / 1e6 / number:,.0f} MB"
            times = f"{took:.0f} s | {used:.1f} s | {held:.1f} s | {each_used:.2f} s"
            row = f"| {number} | {each} | {times} |"
            print(row, flush=True)
            rows.append(row)
            if left() < 2 * took + held + 30:
                why = "the time was over"
                break
            if taken > free / 2:
                why = "half of the free memory was taken"
                break
            if held > 2 * HELD:
                why = (
                    f"{number} live figures at once took {held:.1f} s for {HELD:g}: the cores gave way first"
                )
                break
    said = (
        f"Ended because {why}. {os.cpu_count()} cores, {free / 1e9:.0f} GB free at the start, "
        f"load a core {load:.1f}."
    )
    written.part("hub", "\n".join([*rows, "", said]), "make proof-hub")


def figures(hub: Hub, kernels: dict[str, str]) -> tuple[float, float]:
    """Everybody holds a live figure at once; seconds until the last is done, and of CPU for each."""
    began, before = time.monotonic(), cpu(hub.processes())
    with ThreadPoolExecutor(len(kernels)) as class_:
        list(class_.map(lambda student: hub.execute(student, kernels[student], [FIGURE], ENDS), kernels))
    return time.monotonic() - began, (cpu(hub.processes()) - before) / len(kernels)


def lesson(hub: Hub, student: str, kernels: dict[str, str]) -> tuple[float, float]:
    """Log in, and run all of the lesson in a kernel that stays; seconds, and of CPU."""
    hub.log_in(student)
    hub.start(student)
    began = time.monotonic()
    run = {"path": LESSON.name, "name": LESSON.name, "type": "notebook", "kernel": {"name": "python3"}}
    session = hub.server(student, "POST", "/sessions", run)
    cells = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells if cell.cell_type == "code"]
    kernels[student] = session["kernel"]["id"]
    before = cpu(hub.processes())
    hub.execute(student, kernels[student], cells, ENDS)
    return time.monotonic() - began, cpu(hub.processes()) - before


def available() -> int:
    """Bytes of memory that can be had."""
    rows = Path("/proc/meminfo").read_text().splitlines()
    return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("MemAvailable"))


if __name__ == "__main__":
    main()
