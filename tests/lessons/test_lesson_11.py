"""Lesson 11, build the loop: it runs with nothing written, and with the references written in."""

from __future__ import annotations

import json
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from labkit.teaching.practice_form import every

from ..helpers import ROOT, code_cells
from .observing import execute, observe, printed, the_lesson

LESSON = ROOT / "notebooks" / "11-build-the-loop.ipynb"
ANSWERS = ROOT / "tests" / "answers"
STEPS = [each for each in every() if each.kind == "step"]
WRITTEN = STEPS[:2]  # they are in the notebook, to be read; the others are the reader's

ASK = """
    passed=[name for name, kept in _progress.read().get("step", {}).items() if kept["passed"]],
    turns=turns_in_it, both=len(both), racing=sorted(rates),
"""
HELPERS = "import labkit.teaching.progress as _progress"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """What the lesson's cells observed, as it stands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_PROGRESS", str(tmp_path_factory.mktemp("kept") / "progress.json"))
        return observe(LESSON, ASK, HELPERS)


def test_each_step_is_started_written_tried_and_checked_in_this_order():
    sources = [cell.source for cell in code_cells(nbformat.read(LESSON, as_version=4))]
    places = []
    for number, step in enumerate(STEPS, 1):
        asks = sources.index(f'start("build-{number}")')
        tries = next(at for at, each in enumerate(sources) if f'trial("{step.name}", {step.answer}' in each)
        checks = sources.index(f'check("{step.name}", {step.answer})')
        assert asks < tries < checks
        assert f"class {step.answer}" in sources[asks + 1]
        assert step in WRITTEN or sources[asks + 1] == step.stub.strip(), "the stub is the exercise's"
        places += [asks, checks]
    assert places == sorted(places)


def test_the_steps_fade():
    """Two are written, three have gaps, and of three there is nothing but the task."""
    gaps = [each.stub.count("...  ") + each.stub.count("...\n") for each in STEPS[2:]]
    lines = [len(each.stub.strip().splitlines()) for each in STEPS[2:]]
    assert all(gaps[:3]) and min(lines[:3]) > 20 > max(lines[3:])


@the_lesson
def test_with_nothing_written_it_runs_fails_kindly_and_leaves_nothing(seen):
    assert seen.passed == [each.name for each in WRITTEN]
    assert (seen.turns, seen.both) == (0, 1)
    assert seen.racing == ["asyncio", "asyncore", "labkit"], "a loop that is not finished is left out"
    assert not seen.left_behind and not seen.ill
    assert not seen.stderr


@the_lesson
@pytest.mark.long
def test_with_the_references_every_step_passes_and_yours_is_in_the_race(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    notebook = nbformat.read(LESSON, as_version=4)
    solved = {
        each.stub.strip(): (ANSWERS / each.name / "solution.py").read_text("utf-8") for each in STEPS[2:]
    }
    for cell in code_cells(notebook):
        cell.source = solved.get(cell.source, cell.source)
    told = new_code_cell("import json; print(json.dumps([serving.call('ping', 7), sorted(rates)]))")
    notebook.cells.append(told)
    execute(notebook, LESSON.parent)
    answer, racing = json.loads(printed(told))
    assert answer == "ping 7 is answered: 7"
    assert racing == ["asyncio", "asyncore", "labkit", "yours"]
    kept = json.loads((tmp_path / "progress.json").read_text("utf-8"))["step"]
    assert {name: facts["passed"] for name, facts in kept.items()} == {each.name: True for each in STEPS}
