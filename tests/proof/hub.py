"""make proof-hub: students log in to a real JupyterHub and run a lesson, ever more; what it takes.

Each student's kernel runs all of lesson 02, one student after another. With 1, 2, 4, 8 … there, everybody's
live figure moves at once for HELD seconds: where that takes half as long again as with one, the cores have
given way. It stops when the time is over, at LIMIT students, or when half of the free memory is taken.
"""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

from ..deploy.hub import Hub, cpu, memory
from ..deploy.test_hub import FIGURE, MOVES
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
        f"| students | memory of all | of each | lesson 02, last student | CPU of all meanwhile "
        f"| {HELD:g} s of figures at once | CPU of each |",
        "|---|---|---|---|---|---|---|",
    ]
    kernels: dict[str, str] = {}
    first, gave_way = 0.0, ""
    with tempfile.TemporaryDirectory() as folder, Hub(Path(folder)) as hub:
        why = f"all {LIMIT} were served"
        for number in range(1, LIMIT + 1):
            took, used = lesson(hub, f"student{number}", kernels)
            taken = memory(hub.processes())
            held = 0.0
            if number <= 2 or number % 4 == 0:
                held, each = figures(hub, kernels)
                first = first or held
                mb = taken / 1e6
                row = f"| {number} | {mb:,.0f} MB | {mb / number:,.0f} MB | {took:.0f} s | {used:.1f} s |"
                row += f" {held:.1f} s | {each:.2f} s |"
                print(row, flush=True)
                rows.append(row)
                if held > 1.5 * first and not gave_way:
                    gave_way = (
                        f"The cores gave way first: {number} figures at once were half as long again as one. "
                    )
            if left() < 2 * took + 3 * held + 30:
                why = f"the time was over, with {number} students"
                break
            if taken > free / 2:
                why = "half of the free memory was taken"
                break
    said = (
        f"{gave_way}Ended because {why}. {os.cpu_count()} cores, {free / 1e9:.0f} GB free at the start, "
        f"load a core {load:.1f}."
    )
    written.part("hub", "\n".join([*rows, "", said]), "make proof-hub")


def figures(hub: Hub, kernels: dict[str, str]) -> tuple[float, float]:
    """Everybody's live figure moves for HELD seconds; seconds until the last is done, and of CPU for each."""

    def together(cell: str) -> None:
        list(class_.map(lambda student: hub.execute(student, kernels[student], [cell], ENDS), kernels))

    with ThreadPoolExecutor(len(kernels)) as class_:
        together(FIGURE)
        began, before = time.monotonic(), cpu(hub.processes())
        together(MOVES)
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
