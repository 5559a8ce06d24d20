"""Every exercise: its solution passes, its stub fails, every wrong answer is caught with its own message."""

from __future__ import annotations

import re

import pytest

from labkit.teaching.practice_form import Exercise
from tests.teaching.answers import ANSWERS, Answer, answers, exercises, hold, wrong

LESSONS = ("01", "02", "03", "04", "05", "06", "07", "08", "09")


@pytest.mark.slow
@pytest.mark.parametrize("answer", answers(), ids=str)
def test_answer(answer: Answer):
    hold(answer, answer.judged())


@pytest.mark.parametrize("exercise", exercises(), ids=lambda each: each.name)
def test_exercise_is_whole(exercise: Exercise):
    assert re.fullmatch(r"[a-z][a-z0-9-]*", exercise.name)
    assert exercise.lesson in LESSONS
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


def test_no_folder_of_answers_without_an_exercise():
    names = {each.name for each in exercises()}
    assert {path.name for path in ANSWERS.iterdir() if path.is_dir() and path.name[0] != "_"} <= names
