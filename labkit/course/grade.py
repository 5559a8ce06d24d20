"""Grade a whole assignment: several students at once, in as many processes of nbgrader's own interface."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from labkit.course import tools


class Graded(NamedTuple):
    """What nbgrader made of one student's submission: whether it went through, and what it said if not."""

    student: str
    done: bool
    said: str = ""


def grade(course: Path, assignment: str, jobs: int | None = None) -> list[Graded]:
    """Autograde every submission of an assignment and write the feedback; `jobs` at a time (the processors).

    Raises FileNotFoundError if nothing was handed in.
    """
    submitted = sorted(path.parent.name for path in (course / "submitted").glob(f"*/{assignment}"))
    if not submitted:
        raise FileNotFoundError(f"{course / 'submitted'}: nobody has handed in {assignment}")
    jobs = min(jobs or os.cpu_count() or 1, len(submitted))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn, _open, (str(course.absolute()),)) as pool:
        return list(pool.map(_grade, [assignment] * len(submitted), submitted))


_api: Any = None  # each process has one


def _open(course: str) -> None:
    global _api
    os.chdir(course)
    os.environ["PATH"] = tools.path()
    warnings.simplefilter("ignore")  # of nbgrader's database, on every submission
    from nbgrader.apps import NbGraderAPI
    from traitlets.config.loader import PyFileConfigLoader

    _api = NbGraderAPI(config=PyFileConfigLoader("nbgrader_config.py", course).load_config())


def _grade(assignment: str, student: str) -> Graded:
    for work in (_api.autograde, _api.generate_feedback):
        ended = work(assignment, student, force=True)
        if not ended["success"]:
            return Graded(student, False, str(ended.get("error") or ended["log"])[-2_000:])
    return Graded(student, True)
