"""`labkit course`, `grade`, `gradebook`: what an instructor does in a terminal, beside nbgrader itself."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.charts.style import Chart
    from labkit.course.marks import Mark

LABEL = 54  # characters beside a bar: what went wrong is printed whole
GOT = "all points", "some", "none"  # of an exercise
WENT_WRONG = "met this"
COLOURS = dict(zip((*GOT, WENT_WRONG), ("good", "pale", "bad", "value"), strict=True))


def add(commands: Any) -> None:
    """Add the commands to a parser's subcommands."""
    course = commands.add_parser("course", help="write the exercises as an nbgrader course")
    course.add_argument("folder", type=Path, help="a new folder, or a course to bring up to date")
    course.add_argument("--id", default="event-loop-lab", help="nbgrader's name of the course (%(default)s)")
    course.add_argument(
        "--answers", type=Path, help="a checkout's tests/answers, for source versions that pass"
    )
    course.set_defaults(run=write)

    grading = commands.add_parser("grade", help="autograde an assignment, several students at once")
    grading.add_argument("folder", type=Path, help="the course")
    grading.add_argument("assignment", help="such as lesson-01")
    grading.add_argument("--jobs", type=int, help="how many at once (one a processor)")
    grading.set_defaults(run=grade)

    book = commands.add_parser("gradebook", help="marks as CSV, and what splits the class")
    book.add_argument("folder", type=Path, help="the course")
    book.add_argument("--csv", type=Path, metavar="FILE", help="write the marks there, a row a check")
    book.add_argument("--chart", type=Path, metavar="FILE", help="draw who got how much: .png or .svg")
    book.set_defaults(run=gradebook)


def write(options: argparse.Namespace) -> int:
    """Write the course, and say what to do next."""
    from labkit.course.folder import write as write_course

    made = write_course(options.folder, course=options.id, answers=options.answers)
    print(f"{len(made)} assignments in {options.folder}: {', '.join(made)}")
    print(f"Next: cd {options.folder}; nbgrader generate_assignment {made[0]}; nbgrader release_assignment …")
    return 0


def grade(options: argparse.Namespace) -> int:
    """Autograde; 1 if somebody's notebook could not be graded."""
    from labkit.course.grade import grade as grade_all

    graded = grade_all(options.folder, options.assignment, options.jobs)
    for each in graded:
        print(f"{each.student}: {'graded' if each.done else 'NOT graded: ' + each.said}")
    return int(not all(each.done for each in graded))


def gradebook(options: argparse.Namespace) -> int:
    """Print what splits the class; write the marks and the chart that were asked for."""
    from labkit.course.marks import marks, standing, write_csv, wrong_ways

    found = list(marks(options.folder))
    if options.csv is not None:
        with options.csv.open("w", newline="") as file:
            write_csv(found, file)
    print("What splits the class (students who passed, who did not):")
    checks = standing(found, lambda mark: f"{mark.exercise}: {mark.check}")
    for name, (passed, *others) in list(checks.items())[:20]:
        print(f"  {passed:>4} {sum(others):>4}  {name}")
    print("What happened to how many students:")
    for (exercise, message), students in list(wrong_ways(found).items())[:20]:
        print(f"  {len(students):>4}  {exercise}: {message}")
    if options.chart is not None:
        if options.chart.suffix not in (".png", ".svg"):
            raise ValueError(f"{options.chart}: give a name that ends in .png or .svg")
        chart(found).save(options.chart)
        print(f"Drawn: {options.chart}", file=sys.stderr)
    return 0


def chart(found: list[Mark]) -> Chart:
    """How many students got how much of each exercise; below, how many met what went wrong most often."""
    from labkit.charts.charts import shares
    from labkit.course.marks import standing, wrong_ways

    rows = {name: dict(zip(GOT, counts, strict=True)) for name, counts in standing(found).items()}
    met: dict[str, set[str]] = {}
    for (exercise, message), students in list(wrong_ways(found).items())[:8]:
        met.setdefault(shorten(f"✗ {exercise}: {message}", LABEL, placeholder="…"), set()).update(students)
    rows |= {label: {WENT_WRONG: len(students)} for label, students in met.items()}
    title = "How many students got how much, and ✗ what went wrong"
    return shares(rows, title, unit="students", colours=COLOURS)
