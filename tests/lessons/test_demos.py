"""Each demonstration shows its one figure: at once, again, after all the others, and when its own is gone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from ..helpers import ROOT, RUNS_WITHIN

DEMOS = sorted((ROOT / "notebooks" / "demos").glob("*.ipynb"))
AT_MOST = 20  # lines of a folded cell
each_demo = pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.stem)
GONE = "from labkit.lab import cells\nfor each in cells.made(object): each.close()\n%reset -f"


def test_there_are_eight_demonstrations():
    assert len(DEMOS) == 8


@each_demo
def test_it_is_one_folded_cell_with_a_sentence_to_say_and_a_question(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    told, shown = notebook.cells
    assert told.source.startswith("# ") and "**Say:**" in told.source
    assert told.source.rstrip().endswith("?") and "**Ask:**" in told.source
    assert shown.metadata.jupyter.source_hidden is True
    assert len(shown.source.splitlines()) <= AT_MOST, "its plumbing belongs into labkit"
    assert not shown.outputs and shown.execution_count is None
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.fixture(scope="module")
def hour() -> dict[str, list[Any]]:
    """The cells of all demonstrations as a hasty teacher runs them, in one kernel.

    Each twice, the second time as soon as the first is done; then in the other order, each after everything
    that was made before is closed and every name is gone.
    """
    cells = {path.stem: nbformat.read(path, as_version=4).cells[-1].source for path in DEMOS}
    order = [name for name in cells for _ in range(2)]
    run = [new_code_cell(cells[name]) for name in order]
    for name in reversed(cells):
        order += ["", name]
        run += [new_code_cell(GONE), new_code_cell(cells[name])]
    notebook = new_notebook(cells=run)
    search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    client = NotebookClient(notebook, timeout=RUNS_WITHIN, resources={"metadata": {"path": str(ROOT)}})
    client.execute(env={**os.environ, "PYTHONPATH": search})
    found: dict[str, list[Any]] = {}
    for name, cell in zip(order, notebook.cells, strict=True):
        found.setdefault(name, []).append(cell)
    return found


@pytest.mark.notebook
@each_demo
def test_it_shows_one_figure_at_once_again_and_late(path: Path, hour: dict[str, list[Any]]):
    assert len(hour[path.stem]) == 3
    for cell in hour[path.stem]:
        rich = [each for each in cell.outputs if len(each.get("data", {})) > 1]
        assert len(rich) == 1, [each.get("output_type") for each in cell.outputs]
        assert not [each for each in cell.outputs if each.get("name") == "stderr"]
