"""Every exercise: its solution passes, its stub fails, every wrong answer is caught with its own message."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labkit.tape.tape import Tape
from labkit.teaching.practice import judge
from labkit.teaching.practice_form import HERE, Exercise, load
from labkit.teaching.practice_verdict import parted, reference
from tests.teaching.answers import ANSWERS, Answer, answers, exercises, hold, wrong

LESSONS = ("01", "02", "03", "04", "05", "06", "07", "08", "09")
STEPS = "11"  # where each exercise is a step that begins with the one before


ANSWERS_OF_ALL = [
    pytest.param(answer, marks=pytest.mark.every_python) if answer.kind == "solution" else answer
    for answer in answers()
]


@pytest.mark.slow
@pytest.mark.parametrize("answer", ANSWERS_OF_ALL, ids=str)
def test_answer(answer: Answer):
    hold(answer, answer.judged())


@pytest.mark.parametrize("exercise", exercises(), ids=lambda each: each.name)
def test_exercise_is_whole(exercise: Exercise):
    assert re.fullmatch(r"[a-z][a-z0-9-]*", exercise.name)
    assert exercise.lesson in (*LESSONS, STEPS)
    assert len(exercise.hints) == 3 and all(exercise.hints)
    assert exercise.points == sum(check.points for check in exercise.checks) > 0
    assert len({check.name for check in exercise.checks}) == len(exercise.checks)
    assert exercise.answer in exercise.statement and exercise.answer in exercise.stub
    assert "**Judged:**" in exercise.statement
    assert len(exercise.statement.split()) <= 230
    assert exercise.explanation not in exercise.statement


@pytest.mark.parametrize("exercise", exercises(), ids=lambda each: each.name)
def test_wrong_answers_have_words_of_their_own(exercise: Exercise):
    found = wrong(exercise.name)
    assert (ANSWERS / exercise.name / "solution.py").is_file()
    assert len(found) >= 4, f"{exercise.name} has {len(found)} wrong answers"
    words = [answer.expects()[1] for answer in found]
    assert len(set(words)) == len(words), words


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_lesson_has_three(lesson: str):
    assert sum(each.lesson == lesson for each in exercises()) >= 3


def test_each_step_begins_with_the_one_before():
    steps = [each for each in exercises() if each.lesson == STEPS]
    assert [each.after for each in steps] == ["", *[each.name for each in steps[:-1]]]
    assert [each.answer for each in steps] == [f"Loop{number}" for number in range(1, len(steps) + 1)]
    assert {each.name for each in steps} == {each.name for each in exercises() if each.kind == "step"}


def test_no_folder_of_answers_without_an_exercise():
    names = {each.name for each in exercises()}
    assert {path.name for path in ANSWERS.iterdir() if path.is_dir() and path.name[0] != "_"} <= names


TAPES = sorted((HERE / "tapes").glob("*.jsonl"))


@pytest.mark.parametrize("path", TAPES, ids=lambda path: path.stem)
def test_a_reference_tape_belongs_to_a_check(path: Path):
    name, _, number = path.stem.rpartition("-")
    assert int(number) < len(load(name).checks)
    assert len(Tape.load(path)) and path.stat().st_size <= 12_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["read-until-eagain", "edge-safe-reading", "pipelined", "good-bye-once"])
def test_the_solution_does_what_its_reference_tape_says(name: str):
    verdict = judge(load(name), ANSWERS / name / "solution.py", seed=0)
    paths = [reference(load(name), number) for number in range(len(verdict.outcomes))]
    tapes = [outcome.tape for outcome in verdict.outcomes]
    kept = [(path, tape) for path, tape in zip(paths, tapes, strict=True) if path.is_file()]
    assert len(kept) >= 2
    for path, tape in kept:
        assert tape is not None
        assert tape.diff(Tape.load(path)) is None, f"python -m tests.answers.record {name}"


@pytest.mark.slow
def test_a_failed_check_says_where_it_parts_from_the_reference():
    verdict = judge(load("edge-safe-reading"), ANSWERS / "edge-safe-reading" / "wrong_once.py", seed=0)
    told = "iteration 2: your loop made nothing more, the reference made recv(1_024)"
    assert parted(verdict).startswith(told)
    assert parted(verdict) in str(verdict)
