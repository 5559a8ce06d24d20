"""Each demonstration shows its one figure, and the same again when its cell is run a second time."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ..helpers import ROOT, RUNS_WITHIN, code_cells, stderr_of

DEMOS = sorted((ROOT / "notebooks" / "demos").glob("*.ipynb"))
each_demo = pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.stem)


def test_there_are_demonstrations():
    assert DEMOS


@each_demo
def test_it_is_one_folded_cell_with_a_sentence_to_say_and_a_question(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    told, shown = notebook.cells
    assert told.source.startswith("# ") and "**Say:**" in told.source
    assert told.source.rstrip().endswith("?") and "**Ask:**" in told.source
    assert shown.metadata.jupyter.source_hidden is True
    assert not shown.outputs and shown.execution_count is None
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.notebook
@each_demo
def test_it_shows_one_figure_and_again_when_it_is_run_twice(path: Path):
    notebook = nbformat.read(path, as_version=4)
    again = copy.deepcopy(notebook.cells[-1])
    again.id = "again"
    notebook.cells.append(again)
    search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=RUNS_WITHIN, resources=resources)
    client.execute(env={**os.environ, "PYTHONPATH": search})
    assert stderr_of(notebook) == ""
    for cell in code_cells(notebook):
        rich = [each for each in cell.outputs if len(each.get("data", {})) > 1]
        assert len(rich) == 1, [each.get("output_type") for each in cell.outputs]
