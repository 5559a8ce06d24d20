"""Each lesson ends with its exercises, each with its stub and its check."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from labkit.teaching.practice_form import every

from ..helpers import code_cells, run
from .observing import the_lesson
from .practise import LESSONS, cells_of, named, stub, told

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@every_lesson
def test_a_lesson_ends_with_the_statement_stub_and_check_of_each_of_its_exercises(path: Path):
    cells = nbformat.read(path, as_version=4).cells
    theirs = cells_of(path.stem[:2])
    assert len(theirs) >= 1 + 2 * 3, "three exercises at least"
    ends = [(cell.cell_type, cell.source) for cell in cells[-1 - len(theirs) : -1]]
    assert ends == [(cell.cell_type, cell.source) for cell in theirs], (
        "python -m tests.lessons.practise --write puts them there"
    )
    assert not [cell for cell in cells[: -1 - len(theirs)] if "exercise" in cell.metadata.get("tags", [])]


def test_every_exercise_is_in_a_lesson_under_a_name_of_its_own():
    assert {each.lesson for each in every()} >= {path.stem[:2] for path in LESSONS}
    names = [named(each) for each in every()]
    assert len(set(names)) == len(names)
    for each in every():
        checked = f'check("{each.name}", {named(each)})'
        assert stub(each).endswith(checked)
        assert f"`{each.answer}" not in told(each)


@the_lesson
@pytest.mark.parametrize("path", LESSONS[3:4], ids=lambda path: path.stem)
def test_a_stub_is_not_judged_and_a_changed_one_is(path: Path, tmp_path: Path):
    """Run All says what there is to win. Whoever changes a stub is told what their code did."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]
    (first, *_) = code_cells(notebook)
    first.source = first.source.replace("1024", "512")
    changed = tmp_path / path.name
    nbformat.write(notebook, changed)
    shown = [_text(cell) for cell in code_cells(run(changed))]
    assert re.search(r"0 of \d+ points", shown[0]) or "passed" in shown[0]
    assert all("this is still the stub" in text for text in shown[1:])


def _text(cell: nbformat.NotebookNode) -> str:
    return " ".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
