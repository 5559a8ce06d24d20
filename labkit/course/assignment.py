"""An assignment: the exercises of one lesson as a notebook with nbgrader's metadata, version 3.

A cell for each statement, a cell for each answer, a cell for each check, so that every check is marked on its
own. What marks it is the exercise's judge; graded runs draw other instances than practice does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from labkit.teaching.practice_form import Check, Exercise, every

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")  # nbgrader takes these lines out of a release
SCHEMA = 3
HEAD = """\
Write your answers in the cells that ask for them, and run the cells under them: each checks one thing, and
says what it saw and in which iteration. When you hand in, every check is run again, on other numbers."""


class Marked(NamedTuple):
    """What a graded cell marks, as its grade_id says it."""

    exercise: str
    number: int  # of the check, from 0

    @property
    def id(self) -> str:
        return f"{self.exercise}--{self.number}"

    @classmethod
    def of(cls, grade_id: str) -> Marked | None:
        """What a cell with this id marks; None if it is no check of ours."""
        exercise, _, number = grade_id.rpartition("--")
        return cls(exercise, int(number)) if exercise and number.isdigit() else None


def assignments() -> dict[str, list[Exercise]]:
    """{assignment: its exercises}: lesson-01 and so on, in the order of the lessons."""
    found: dict[str, list[Exercise]] = {}
    for exercise in every():
        found.setdefault(f"lesson-{exercise.lesson}", []).append(exercise)
    return dict(sorted(found.items()))


def notebook(title: str, asked: list[Exercise], seed: int, answers: Path | None = None) -> Any:
    """The source version of an assignment, which only instructors see.

    `seed` draws the instances of the hidden runs. With `answers`, the folder of the solutions in a checkout,
    the answer cells hold these, so that the assignment can be validated; a release has the stubs instead.
    """
    cells = [new_markdown_cell(f"# {title}\n\n{HEAD}", metadata=_metadata("head", locked=True))]
    for exercise in asked:
        cells += _cells(exercise, seed, answers)
    made = new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for cell in made.cells:
        cell["id"] = cell.metadata.nbgrader.grade_id[-64:]
    nbformat.validate(made)
    return made


def _cells(exercise: Exercise, seed: int, answers: Path | None) -> list[Any]:
    solution = answers / exercise.name / "solution.py" if answers is not None else None
    answer = (
        solution.read_text(encoding="utf-8") if solution is not None and solution.exists() else exercise.stub
    )
    told = f"## {exercise.title}\n\n{exercise.statement.strip()}\n\n*{exercise.points} points.*"
    return [
        new_markdown_cell(told, metadata=_metadata(f"{exercise.name}-asks", locked=True)),
        new_code_cell(answer.strip(), metadata=_metadata(exercise.name, solution=True)),
        *(
            new_code_cell(
                _test(exercise, check, seed),
                metadata=_metadata(
                    Marked(exercise.name, at).id, grade=True, locked=True, points=check.points
                ),
            )
            for at, check in enumerate(exercise.checks)
        ),
    ]


def _test(exercise: Exercise, check: Check, seed: int) -> str:
    """The text of a graded cell: it raises, or returns None, and is silent on stderr (nbgrader's rules)."""
    call = f"check({exercise.name!r}, {exercise.answer}, only={check.name!r}"
    begin, end = HIDDEN
    return f"from labkit import check\n\n{begin}\n{call}, seed={seed})\n{end}\n{call})"


def _metadata(id: str, **more: Any) -> dict[str, Any]:
    fields = {"schema_version": SCHEMA, "grade_id": id, "grade": False, "solution": False, "locked": False}
    return {"nbgrader": fields | more}
