"""The folder of a course: nbgrader's configuration and the source of every assignment.

labkit course DIR        then, in DIR: nbgrader generate_assignment lesson-01
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import nbformat

from labkit.course.assignment import assignments, notebook

SETTINGS = "course.json"  # what only instructors may see: the seed of graded runs
CONFIG = '''\
"""nbgrader's settings for this course: `labkit course` has written them, and writes them again."""

c = get_config()  # noqa: F821 - nbgrader gives it to this file

c.CourseDirectory.course_id = {id!r}
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = "sqlite:///{root}/gradebook.db?timeout=120"  # several graders at once wait
c.Exchange.timezone = "UTC"

# A release has an exercise's own stub where the solution was.
generate = "nbgrader.preprocessors."
c.GenerateAssignment.preprocessors = [
    generate + "IncludeHeaderFooter",
    generate + "LockCells",
    "labkit.course.preprocessors.Stubs",
    generate + "ClearOutput",
    generate + "CheckCellMetadata",
    generate + "ComputeChecksums",
    generate + "SaveCells",
    generate + "ClearHiddenTests",
    generate + "ClearMarkScheme",
    generate + "ComputeChecksums",
    generate + "CheckCellMetadata",
]

c.Autograde.sanitize_preprocessors = [
    generate + "ClearOutput",
    "labkit.course.preprocessors.Whole",
    generate + "OverwriteKernelspec",
    generate + "OverwriteCells",
    generate + "CheckCellMetadata",
]

# A student's notebook is not run: the judge runs each answer in a process of its own, out of its reach.
c.Autograde.autograde_preprocessors = [
    "labkit.course.preprocessors.Judge",
    generate + "LimitOutput",
    generate + "SaveAutoGrades",
    generate + "AssignLatePenalties",
    generate + "CheckCellMetadata",
]
c.Judge.settings = c.Whole.settings = {settings!r}
'''


def write(folder: Path, *, course: str = "event-loop-lab", answers: Path | None = None) -> list[str]:
    """Write the course to `folder`; the names of its assignments. An earlier one is brought up to date.

    The seed of graded runs is drawn once, and stays. `answers` is a checkout's tests/answers, for solutions
    in the source versions. Raises FileExistsError if the folder holds something that is no course.
    """
    folder = folder.absolute()
    settings = folder / SETTINGS
    if folder.exists() and any(folder.iterdir()) and not settings.exists():
        raise FileExistsError(f"{folder} is not empty, and no course of the lab: give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    if not settings.exists():
        settings.write_text(json.dumps({"seed": 1 + secrets.randbelow(2**31)}) + "\n")
        settings.chmod(0o600)
    seed = json.loads(settings.read_text())["seed"]
    config = CONFIG.format(id=course, root=str(folder), settings=str(settings))
    (folder / "nbgrader_config.py").write_text(config)
    made = assignments()
    for name, asked in made.items():
        path = folder / "source" / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        title = f"Lesson {asked[0].lesson}: exercises"
        nbformat.write(notebook(title, asked, seed, answers), path)
    return list(made)
