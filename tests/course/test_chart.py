"""The chart of a course: how many students got how much of each exercise, and what went wrong how often."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.cli import main
from labkit.course.commands import chart
from labkit.course.marks import Mark

from ..charts.test_charts import parts_of

SAID = "recv was called once and 3,904 bytes stayed where they were, in the receive queue of the kernel"


def mark(student: str, exercise: str, check: str, score: float, message: str = "") -> Mark:
    return Mark(student, "lesson-01", exercise, check, score, 2.0, message)


# Four students, and eve handed in one exercise only. ann gets her message from both checks.
FOUND = [
    mark("ann", "read-until-eagain", "takes everything", 0.0, SAID),
    mark("ann", "read-until-eagain", "says the end", 0.0, SAID),
    mark("bob", "read-until-eagain", "takes everything", 2.0),
    mark("bob", "read-until-eagain", "says the end", 0.0, SAID),
    mark("dan", "read-until-eagain", "takes everything", 2.0),
    mark("dan", "read-until-eagain", "says the end", 2.0),
    mark("ann", "never-block", "returns", 2.0),
    mark("bob", "never-block", "returns", 2.0),
    mark("dan", "never-block", "returns", 2.0),
    mark("eve", "never-block", "returns", 0.0, "it slept"),
]


def test_it_counts_students_and_not_their_marks():
    drawn = chart(FOUND)
    assert parts_of(drawn) == {
        "read-until-eagain": {"all points": 1, "some": 1, "none": 1},
        "never-block": {"all points": 3, "none": 1},
        "✗ read-until-eagain: recv was called once and 3,904…": {"met this": 2},
        "✗ never-block: it slept": {"met this": 1},
    }
    assert drawn.figure.axes[0].get_xlabel() == "students"


def test_what_splits_the_class_stands_above_and_words_that_are_too_long_are_cut(tmp_path: Path):
    text = chart(FOUND).save(tmp_path / "chart.svg").read_text()
    told = ("1 all points, 1 some, 1 none", "3 all points, 1 none", "2 met this", "1 met this", "students")
    assert [each for each in told if each not in text] == []
    assert text.find("read-until-eagain") < text.find("never-block") < text.find("✗ read-until-eagain")
    assert "receive queue of the kernel" not in text


def test_two_messages_that_are_cut_alike_are_one_row_and_a_student_who_met_both_is_counted_once():
    other = SAID.replace("kernel", "program")
    found = [
        *FOUND,
        mark("bob", "read-until-eagain", "again", 0.0, other),
        mark("eve", "read-until-eagain", "again", 0.0, other),
    ]
    (counted,) = (parts for name, parts in parts_of(chart(found)).items() if name.startswith("✗ read"))
    assert counted == {"met this": 3}


def test_the_command_says_how_many_students_passed_each_check(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr("labkit.course.marks.marks", lambda folder: iter(FOUND))
    assert main(["gradebook", str(tmp_path)]) == 0
    lines = [line.split(None, 2) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert lines[:3] == [
        ["1", "2", "read-until-eagain: says the end"],
        ["2", "1", "read-until-eagain: takes everything"],
        ["3", "1", "never-block: returns"],
    ]
    assert lines[3][:2] == ["2", "read-until-eagain:"], "who met a message in two checks is one student"


def test_a_chart_of_another_kind_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("labkit.course.marks.marks", lambda folder: iter(FOUND))
    assert main(["gradebook", str(tmp_path), "--chart", "chart.doc"]) == 2
    said = capsys.readouterr()
    assert "chart.doc: give a name that ends in .png or .svg" in said.err
