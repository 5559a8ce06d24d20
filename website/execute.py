"""A notebook, run in a fresh kernel as a reader would run it: nobody's progress, figures that keep players.

A cell's metadata may say {"labkit": {"pressed": code}}: what the text asks the reader to press, where nobody
is there to press it. It runs after the cell and is not shown.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

WITHIN = 120  # seconds, each cell
QUIET = ["--log-level=ERROR"]
WIDE = 800  # CSS pixels: what a player is laid out for
ROOT = Path(__file__).resolve().parents[1]


def execute(notebook: Path, to: Path) -> None:
    """Run a notebook in its own folder; `to` gets it with its outputs.

    Raises CellExecutionError for a cell that raises (unless tagged raises-exception), CellTimeoutError.
    """
    node = nbformat.read(notebook, as_version=4)
    lesson = node.cells
    node.cells = [each for cell in lesson for each in (cell, *pressed(cell))]
    resources = {"metadata": {"path": str(notebook.parent)}}
    with tempfile.TemporaryDirectory(prefix="labkit-site-") as home:
        search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        own = {"PYTHONPATH": search, "LABKIT_PROGRESS": f"{home}/progress.json", "LABKIT_PLAYERS": str(WIDE)}
        client = NotebookClient(node, timeout=WITHIN, resources=resources, extra_arguments=QUIET)
        client.execute(env={**os.environ, **own})
    node.cells = lesson
    nbformat.write(node, to)


def pressed(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """What is pressed after a cell, as a cell of its own."""
    code = cell.metadata.get("labkit", {}).get("pressed", "")
    return [new_code_cell(code)] if code else []
