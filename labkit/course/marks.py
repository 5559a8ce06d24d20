"""The marks of a course, and what splits the class: which checks, and which messages, how often.

It reads nbgrader's own gradebook and the graded notebooks; it judges nothing.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

import nbformat

from labkit.course import tools
from labkit.course.assignment import Marked
from labkit.teaching.practice_form import load


class Mark(NamedTuple):
    """One check of one student: the points given, the most there are, and the message given with them."""

    student: str
    assignment: str
    exercise: str
    check: str
    score: float
    most: float
    message: str


def marks(course: Path) -> Iterator[Mark]:
    """Every mark in a course folder, by student. FileNotFoundError if nothing was graded there."""
    graded = sorted((course / "autograded").glob("*/*/*.ipynb"))
    if not graded:
        raise FileNotFoundError(f"{course} has no autograded notebooks: nbgrader autograde LESSON makes them")
    from nbgrader.api import Gradebook

    os.environ["PATH"] = tools.path()  # the gradebook starts a tool, too

    with Gradebook(f"sqlite:///{course.absolute() / 'gradebook.db'}?timeout=120") as book:
        for path in graded:
            student, assignment = path.parent.parent.name, path.parent.name
            said = _messages(path)
            for grade in book.find_submission_notebook(path.stem, assignment, student).grades:
                marked = Marked.of(grade.name)
                if marked is not None:
                    check = load(marked.exercise).checks[marked.number].name
                    told = said.get(grade.name, "")
                    yield Mark(
                        student, assignment, marked.exercise, check, grade.score, grade.max_score, told
                    )


def _messages(path: Path) -> dict[str, str]:
    """{grade_id: what the judge said} of the checks that were not passed."""
    said = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                happened = [line for line in output.traceback if line.strip().startswith("happened:")]
                told = (happened or [output.evalue])[0].strip().removeprefix("happened: ")
                said[cell.metadata.nbgrader.grade_id] = told.partition(" Look at iteration")[0]
    return said


def write_csv(found: list[Mark], file: TextIO) -> None:
    """The marks as CSV, a row a check, with headings."""
    writer = csv.writer(file)
    writer.writerow(Mark._fields)
    writer.writerows(found)


def standing(
    found: list[Mark], of: Callable[[Mark], str] = lambda mark: mark.exercise
) -> dict[str, list[int]]:
    """{exercise: [students with all points, some, none]}, those first that split the class most evenly.

    `of` says what each mark is counted for, if not for its exercise.
    """
    score: defaultdict[tuple[str, str], float] = defaultdict(float)
    most: defaultdict[tuple[str, str], float] = defaultdict(float)
    for mark in found:
        score[of(mark), mark.student] += mark.score
        most[of(mark), mark.student] += mark.most
    counted: dict[str, list[int]] = {}
    for (name, student), all_ in most.items():
        got = score[name, student]
        counted.setdefault(name, [0, 0, 0])[0 if got == all_ else 1 if got else 2] += 1
    return dict(sorted(counted.items(), key=lambda each: (abs(2 * each[1][0] - sum(each[1])), each[0])))


def wrong_ways(found: list[Mark]) -> dict[tuple[str, str], set[str]]:
    """{(exercise, what happened): the students to whom it did}, the most frequent first."""
    who: dict[tuple[str, str], set[str]] = {}
    for mark in found:
        if mark.message:
            who.setdefault((mark.exercise, mark.message), set()).add(mark.student)
    return dict(sorted(who.items(), key=lambda each: -len(each[1])))
