"""A lesson run once, as it stands, in a fresh kernel: what its cells observed, and what they left behind."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
from nbformat.v4 import new_code_cell

from ..helpers import code_cells, stderr_of
from .test_lesson_01 import BEFORE, LEFT, execute, printed

# Jupyter sends large outputs without copying them, and starts a thread to free them when it first does.
WARM = "from zmq.utils.garbage import gc as _zmq_gc; _zmq_gc.start()\n"
ASK = """
import json as _json
print(_json.dumps(dict({}), default=str))
"""


def observe(path: Path, ask: str) -> SimpleNamespace:
    """Run the notebook, then evaluate `ask` there: keyword arguments whose values JSON can carry.

    `left` is what stayed open once every lab was closed, `seconds` how long all of it took, `stderr` what
    the cells wrote there.
    """
    notebook = nbformat.read(path, as_version=4)
    asked, left = new_code_cell(ASK.replace("{}", ask)), new_code_cell(LEFT)
    lesson = list(notebook.cells)
    notebook.cells = [new_code_cell(WARM + BEFORE), *lesson, asked, left]
    began = time.monotonic()
    execute(notebook)
    seen = json.loads(printed(asked), object_hook=lambda names: SimpleNamespace(**names))
    seen.seconds = time.monotonic() - began
    seen.left, seen.stderr = json.loads(printed(left)), stderr_of(notebook)
    return seen


def backwards_and_twice(path: Path) -> tuple[set[str], list[list[str]]]:
    """Run the cells backwards, then forwards: the kinds of errors that were raised, and what stayed open."""
    notebook = nbformat.read(path, as_version=4)
    imports, *cells = code_cells(notebook)
    again = [new_code_cell(cell.source) for cell in [*reversed(cells), *cells]]
    left = new_code_cell(LEFT)
    notebook.cells = [new_code_cell(WARM + BEFORE), imports, *again, left]
    execute(notebook, allow_errors=True)
    errors = {output.ename for cell in again for output in cell.outputs if output.output_type == "error"}
    return errors, json.loads(printed(left))


def taught(path: Path) -> set[str]:
    """The rows that the notebook's cells say they teach."""
    cells = code_cells(nbformat.read(path, as_version=4))
    return {row for cell in cells for row in cell.metadata.get("labkit", {}).get("teaches", [])}
