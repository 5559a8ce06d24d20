"""`labkit progress` says how far a reader is, and forgets it when told to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labkit.cli import main
from labkit.teaching import overview, progress
from labkit.teaching.questions import Told


@pytest.fixture(autouse=True)
def some_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(progress, "_remembered", {})
    monkeypatch.setattr(overview, "lessons", lambda: ["98", "99"])
    kinds = {"97": ["bug"], "98": ["exercise", "exercise"], "99": ["step"]}
    named = {
        number: [(kind, f"{kind}-{at}") for at, kind in enumerate(each)] for number, each in kinds.items()
    }
    monkeypatch.setattr(overview, "tasks", lambda: named)
    monkeypatch.setattr(overview, "lesson", lambda number: {f"{number}-{each}": Told() for each in "abc"})
    for id, right in (("99-a", True), ("99-b", False), ("99-c", None)):
        progress.change("prediction", id, lambda _, right=right: [{"seed": 0, "right": right}])


def test_progress_is_told_lesson_by_lesson(capsys):
    assert main(["progress"]) == 0
    said = capsys.readouterr().out
    assert "lesson 98: 0 of 3 predictions made, 0 right" in said
    assert "lesson 99: 2 of 3 predictions made, 1 right" in said
    assert "lesson 97: 0 of 1 bugs solved" in said
    assert str(progress.path()) in said


def test_exercises_bugs_and_steps_count_once_they_are_passed():
    progress.note("bug", "bug-0", named=True)
    assert overview.rows()[0][-2:] == (0, "bugs")
    progress.note("bug", "bug-0", passed=True)
    progress.note("exercise", "exercise-1", passed=True)
    progress.note("exercise", "exercise-0", passed=False)
    progress.note("step", "step-0", passed=True)
    assert [(row.lesson, row.tasks, row.solved) for row in overview.rows()] == [
        ("97", 1, 1),
        ("98", 2, 1),
        ("99", 1, 1),
    ]


def test_every_kind_of_task_is_there(monkeypatch):
    monkeypatch.undo()
    there = overview.tasks()
    assert len(there["10"]) == 14
    assert {kind for each in there.values() for kind, _ in each} == {"exercise", "bug", "step"}


def test_the_latest_judged_try_counts():
    progress.change("prediction", "99-b", lambda tries: [*tries, {"right": True}, {"right": None}])
    assert overview.rows()[2][:4] == ("99", 3, 2, 2)


def test_progress_as_json_and_forgotten(capsys):
    assert main(["progress", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["prediction"]) == ["99-a", "99-b", "99-c"]
    assert main(["progress", "--reset", "99-a"]) == 0
    assert main(["progress", "--reset"]) == 0
    assert capsys.readouterr().out == "forgotten: 1\nforgotten: 2\n"
    assert progress.read() == {"prediction": {}}


def test_the_overview_is_a_table_in_a_notebook():
    page = overview.Overview()._repr_html_()
    assert page.count("<tr>") == 4
    assert 'value="2" max="4"' in page
