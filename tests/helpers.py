"""What tests of several rooms share: where the notebooks are, how one is run, Ctrl-C pressed by a timer."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import ipywidgets
import nbformat
from nbclient import NotebookClient

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# A name that a page would run, no encoding takes, a terminal obeys, and a line breaks at.
EVIL = "<!--<script>boom()</script>\ud800\x1b[31m\x00\u202e\nx"
RUNS_WITHIN = 60  # seconds, a whole notebook and each of its cells


def run(path: Path, within: int = RUNS_WITHIN) -> nbformat.NotebookNode:
    """The notebook with its outputs, executed in its own folder in a fresh kernel.

    Raises CellExecutionError for a cell that raises (unless tagged raises-exception), CellTimeoutError for
    one that does not end. The file is not changed.
    """
    notebook = nbformat.read(path, as_version=4)
    search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    client = NotebookClient(notebook, timeout=within, resources={"metadata": {"path": str(path.parent)}})
    client.execute(env={**os.environ, "PYTHONPATH": search})
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The code cells that are not empty."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def stderr_of(notebook: nbformat.NotebookNode) -> str:
    """All that the cells wrote on stderr."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return "".join(each.text for each in outputs if each.output_type == "stream" and each.name == "stderr")


def until(happens: Callable[[], T], within: float = 20.0) -> T:
    """What `happens()` returns as soon as that is true: what another thread or process does."""
    end = time.monotonic() + within
    while not (value := happens()):
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.002)
    return value


def widgets() -> set[str]:
    """The ids of all widgets there are; earlier tests may have left some, which end when they are freed."""
    return set(ipywidgets.widgets.widget._instances)


@contextmanager
def interrupted(after: float = 0.2) -> Iterator[None]:
    """Ctrl-C, pressed `after` seconds into the block: SIGINT for the main thread."""
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(after, signal.pthread_kill, [main, signal.SIGINT])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
