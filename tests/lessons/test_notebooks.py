"""Every notebook: one heading, a way on at both ends, links that lead somewhere, a run from top to bottom.

A lesson whose own test observes a run, as `AsItStands` does, is not run once more here.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from ..helpers import NOTEBOOKS, RUNS_WITHIN, code_cells, run, stderr_of
from .observing import backwards_and_twice, hold_outputs, the_lesson

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def observed(path: Path) -> bool:
    """Whether the lesson's own test runs it, raises what a cell raises, and reads its stderr."""
    own = Path(__file__).with_name(f"test_lesson_{path.name[:2]}.py")
    return own.exists() and "(AsItStands)" in own.read_text(encoding="utf-8")


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_the_course_begins_somewhere():
    assert [path.name for path in NOTEBOOKS][:1] == ["00-start-here.ipynb"]


@every_notebook
def test_has_one_heading_and_a_way_on_at_both_ends(path: Path):
    notebook = nbformat.read(path, as_version=4)
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert sum(len(re.findall(r"^# ", source, re.MULTILINE)) for source in prose) == 1
    for end in (notebook.cells[0], notebook.cells[-1]):
        assert re.search(r"Index.* · .*Back.* · .*Next", end.source), end.source


@every_notebook
def test_links_lead_somewhere(path: Path):
    notebook = nbformat.read(path, as_version=4)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    prose = re.sub(r"`[^`\n]*`", "", prose)  # self.methods[name](params) is no link
    local = [link for link in LINK.findall(prose) if "://" not in link and not link.startswith("mailto:")]
    missing = [link for link in local if not (path.parent / link).exists()]
    assert not missing


def test_a_row_of_the_facts_is_taught_in_one_lesson():
    """Its parts may be several cells there."""
    lessons: dict[str, set[str]] = {}
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            for row in cell.metadata.get("labkit", {}).get("teaches", []):
                lessons.setdefault(row, set()).add(path.stem)
    assert len(lessons) > 75
    assert not {row: where for row, where in lessons.items() if len(where) > 1}


@pytest.mark.notebook
@pytest.mark.timeout(3 * RUNS_WITHIN)
@pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if not observed(path)], ids=lambda path: path.stem
)
def test_runs_from_top_to_bottom(path: Path):
    notebook = run(path)
    assert all(cell.execution_count for cell in code_cells(notebook))
    assert not stderr_of(notebook)
    hold_outputs(notebook, path.name[:2])


OBSERVED = [path for path in NOTEBOOKS if observed(path)]


@the_lesson
@pytest.mark.parametrize(
    "path",
    [OBSERVED[0], *(pytest.param(path, marks=pytest.mark.long) for path in OBSERVED[1:])],
    ids=[path.stem for path in OBSERVED],
)
def test_cells_may_run_backwards_and_twice(path: Path):
    errors, left = backwards_and_twice(path)
    assert errors <= {"NameError"}  # a cell that needs the one before it
    assert not left
