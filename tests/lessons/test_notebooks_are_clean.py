"""Every notebook as a reader should find it: nothing of its author's last run, no cell too long to read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from ..helpers import NOTEBOOKS

LONGEST = 25  # lines of a cell: what a reader sees without scrolling
YOURS = "your own code, which grows here"  # what such a cell says, in which readers write
LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)(?:#[^)]*)?\)")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@every_notebook
def test_nothing_of_a_run_is_stored(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        assert not cell.get("outputs"), cell.source
        assert cell.get("execution_count") is None, cell.source
        assert not {"execution", "ExecuteTime", "collapsed"} & cell.metadata.keys(), cell.source


@every_notebook
def test_it_opens_in_this_python_without_a_question(path: Path):
    metadata = nbformat.read(path, as_version=4).metadata
    assert metadata.kernelspec.name == "python3"
    assert metadata.kernelspec.language == "python"
    assert metadata.kernelspec.display_name
    assert "version" not in metadata.get("language_info", {}), "the author's Python is nobody's business"


@every_notebook
def test_cells_can_be_told_apart(path: Path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert (raw["nbformat"], raw["nbformat_minor"]) >= (4, 5)
    names = [cell["id"] for cell in raw["cells"]]
    assert len(names) == len(set(names))


@every_notebook
def test_no_cell_is_too_long_to_read(path: Path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code = [cell.source for cell in cells if cell.metadata.get("labkit", {}).get("long") != YOURS]
    long = [source.splitlines()[0] for source in code if len(source.splitlines()) > LONGEST]
    assert not long, f"longer than {LONGEST} lines: {long}"


@every_notebook
def test_index_back_and_next_lead_to_notebooks_that_are_there_or_are_said_to_come(path: Path):
    notebook = nbformat.read(path, as_version=4)
    for end in (notebook.cells[0], notebook.cells[-1]):
        (line,) = (line for line in end.source.splitlines() if "Index" in line and "Next" in line)
        for step in re.split(r" · ", line):
            links = LINK.findall(step)
            missing = [to for _, to in links if not (path.parent / to).exists()]
            assert not missing or re.search(r"\b(coming|to come)\b", step), step
