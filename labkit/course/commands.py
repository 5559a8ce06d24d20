"""`labkit course`, `grade`, `gradebook`: what an instructor does in a terminal, beside nbgrader itself."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.course.marks import Mark

LABEL = 54  # characters beside a bar: what went wrong is printed whole


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
    book.add_argument("--chart", type=Path, metavar="FILE", help="draw what splits the class: .png or .svg")
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
    from labkit.course.marks import marks, splits, write_csv, wrong_ways

    found = list(marks(options.folder))
    if options.csv is not None:
        with options.csv.open("w", newline="") as file:
            write_csv(found, file)
    print("What splits the class (passed, not passed):")
    for name, (passed, failed) in list(splits(found).items())[:20]:
        print(f"  {passed:>4} {failed:>4}  {name}")
    print("What happened most often:")
    for exercise, message, count in wrong_ways(found)[:20]:
        print(f"  {count:>4}  {exercise}: {message}")
    if options.chart is not None:
        _draw(found, options.chart)
    return 0


def _draw(found: list[Mark], path: Path) -> None:
    """The checks that split the class most evenly, and below them what went wrong most often."""
    from labkit.charts.charts import bars
    from labkit.course.marks import splits, wrong_ways

    if path.suffix not in (".png", ".svg"):
        raise ValueError(f"{path}: give a name that ends in .png or .svg")
    class_ = len({mark.student for mark in found})
    rows = {name: both[0] / sum(both) * 100 for name, both in list(splits(found).items())[:12]}
    for exercise, message, count in wrong_ways(found)[:8]:
        label = shorten(f"✗ {exercise}: {message}", LABEL, placeholder="…")
        rows[label] = rows.get(label, 0) + count / class_ * 100
    print(f"Drawn: {path}", file=sys.stderr)
    bars(rows, "What splits the class: who passed, and ✗ what went wrong", unit="%").save(path)
