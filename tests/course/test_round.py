"""The whole round with nbgrader itself: hand out, all sorts of submissions, grade, grade some again, mark."""

from __future__ import annotations

import ast
import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Set
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from labkit.course import tools
from labkit.course.assignment import Marked, assignments
from labkit.course.commands import chart
from labkit.course.folder import write
from labkit.course.grade import grade
from labkit.course.marks import marks, standing, wrong_ways
from labkit.teaching.practice_form import load

from ..charts.test_charts import parts_of
from ..helpers import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("nbgrader") is None, reason="nbgrader has no release for this Python"),
]

ANSWERS = ROOT / "tests" / "answers"
NAME = "read-until-eagain"


def nbgrader(course: Path, *arguments: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=course,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PATH": tools.path(), "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 0, ended.stderr


def answer(file: str) -> str:
    return (ANSWERS / NAME / file).read_text()


def put(text: str) -> Callable[[Any], None]:
    """A student who writes `text` into the answer cell."""

    def change(notebook: Any) -> None:
        own(notebook).source = text

    return change


def own(notebook: Any) -> Any:
    return next(each for each in notebook.cells if each.metadata.get("nbgrader", {}).get("grade_id") == NAME)


def extra(text: str) -> Callable[[Any], None]:
    """A right answer, and a cell of the student's own before it."""

    def change(notebook: Any) -> None:
        notebook.cells.insert(0, new_code_cell(text))
        own(notebook).source = answer("solution.py")

    return change


def deletes_a_test(notebook: Any) -> None:
    own(notebook).source = answer("solution.py")
    notebook.cells = [each for each in notebook.cells if each.metadata.nbgrader.grade_id != f"{NAME}--0"]


def edits_a_test(notebook: Any) -> None:
    for each in notebook.cells:
        if each.metadata.nbgrader.grade_id.startswith(f"{NAME}--"):
            each.source = "pass  # all is well"


def forges_an_output(notebook: Any) -> None:
    for each in notebook.cells:
        if each.metadata.nbgrader.grade_id.startswith(f"{NAME}--"):
            each.outputs = [nbformat.v4.new_output("stream", name="stdout", text="✓ takes everything\n")]
            each.execution_count = 1


def reorders(notebook: Any) -> None:
    own(notebook).source = answer("solution.py")
    notebook.cells.reverse()


def doubles(notebook: Any) -> None:
    own(notebook).source = answer("solution.py")
    notebook.cells.append(nbformat.from_dict(json.loads(json.dumps(own(notebook)))))
    notebook.cells[-1] |= {"source": "def read_all(sock): return b'', False", "id": "copied"}


def deletes_the_answer(notebook: Any) -> None:
    notebook.cells = [each for each in notebook.cells if each is not own(notebook)]


ATTACKS = {
    "endless": "def read_all(sock):\n    while True:\n        pass",
    "exits": "import sys\ndef read_all(sock):\n    sys.exit(0)",
    "exits-hard": "import os\ndef read_all(sock):\n    os._exit(0)",
    "forks": "import os\ndef read_all(sock):\n    os.fork()\n    return b'', False",
    "floods": "def read_all(sock):\n    while True:\n        print('x' * 1000)",
    "reads-the-tests": "from pathlib import Path\nSEED = [p.read_text() for p in Path('.').rglob('*.json')]\n"
    "def read_all(sock):\n    return b'', False",
    "patches": "import labkit, labkit.teaching.practice as p\np.judge = labkit.check = lambda *a, **k: None\n"
    "def read_all(sock):\n    return b'', False",
    "not-python": "def read_all(sock:\n",
    "raises": "def read_all(sock):\n    raise KeyError('all of it')",
}  # fmt: skip
RIGHT = {
    "right": put(answer("solution.py")),
    "own-cells": extra("import socket\nBUFFER = 1000\nwhile True: pass"),
    "replaces-check": extra("import labkit\nlabkit.check = lambda *a, **k: None"),
    "exits-in-a-cell": extra("import sys; sys.exit()"),
    "deletes-a-test": deletes_a_test,
    "reorders": reorders,
    "doubles": doubles,
}
WRONG = {path.stem: put(path.read_text()) for path in sorted((ANSWERS / NAME).glob("wrong_*.py"))}
OTHER = {
    "right-another-way": put(answer("also_short_is_enough.py")),
    "nothing-in-it": put(""),
    "a-remark-only": put("# I did not find out how"),
    "another-name": put(answer("solution.py").replace("read_all", "read_everything")),
}
STUDENTS: dict[str, Callable[[Any], None]] = {
    **RIGHT,
    **WRONG,
    **OTHER,
    **{name: put(text) for name, text in ATTACKS.items()},
    "empty": lambda notebook: None,
    "edits-a-test": edits_a_test,
    "forges-an-output": forges_an_output,
    "deletes-the-answer": deletes_the_answer,
}
SOME = {"right", "wrong_once", "endless", "exits", "edits-a-test"}
AGAIN = set(STUDENTS) if os.environ.get("GRADE_ALL_AGAIN") else SOME  # who of everybody is graded again


class Class(NamedTuple):
    """Whose work is graded, and whose again, and how often."""

    students: Set[str]
    again: Set[str]
    times: int


@pytest.fixture(
    scope="module",
    params=[
        Class(SOME, {"wrong_once"}, 1),
        pytest.param(Class(STUDENTS.keys(), AGAIN, 2), marks=pytest.mark.long),
    ],
    ids=["some", "everybody"],
)
def those(request: pytest.FixtureRequest) -> Class:
    taught: Class = request.param
    return taught


@pytest.fixture(scope="module")
def course(those: Class, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with their submissions of one assignment."""
    folder = tmp_path_factory.mktemp("class") / "course"
    write(folder, answers=ANSWERS)
    keep_one_exercise(folder)
    nbgrader(folder, "generate_assignment", "lesson-01", "--create", "--force")
    released = folder / "release" / "lesson-01" / "lesson-01.ipynb"
    for student in those.students:
        notebook = nbformat.read(released, as_version=4)
        STUDENTS[student](notebook)
        path = folder / "submitted" / student / "lesson-01" / "lesson-01.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    return folder


def keep_one_exercise(folder: Path) -> None:
    """The round is about handing out and marking: one exercise is enough, and takes a tenth of the time."""
    source = folder / "source" / "lesson-01" / "lesson-01.ipynb"
    notebook = nbformat.read(source, as_version=4)
    ids = [each.metadata.nbgrader.grade_id for each in notebook.cells]
    kept = [
        at for at, id in enumerate(ids) if id == "head" or id.split("--")[0].removesuffix("-asks") == NAME
    ]
    notebook.cells = [notebook.cells[at] for at in kept]
    nbformat.write(notebook, source)


def test_a_release_holds_stubs_and_neither_solutions_nor_seeds(course: Path):
    seed = str(json.loads((course / "course.json").read_text())["seed"])
    text = (course / "release" / "lesson-01" / "lesson-01.ipynb").read_text()
    assert seed not in text and "HIDDEN" not in text and "SOLUTION" not in text
    notebook = nbformat.reads(text, as_version=4)
    assert own(notebook).source == load(NAME).stub.strip()
    line = max(answer("solution.py").splitlines(), key=len).strip()
    assert line not in "".join(each.source for each in notebook.cells if each.cell_type == "code")
    source = (course / "source" / "lesson-01" / "lesson-01.ipynb").read_text()
    assert seed in source  # what is hidden is there, for those who teach


def test_every_cell_has_metadata_that_nbgrader_takes(course: Path):
    for path in (course / "source").rglob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        ids = [each.metadata.nbgrader["grade_id"] for each in notebook.cells]
        assert len(ids) == len(set(ids))
        for each in notebook.cells:
            fields = set(each.metadata.nbgrader)
            assert fields - {"points"} == {"schema_version", "grade", "solution", "locked", "grade_id"}
            assert ("points" in fields) == each.metadata.nbgrader.grade
            if each.cell_type == "code":
                ast.parse(each.source)


def test_they_get_the_marks_they_earned(course: Path, those: Class):
    graded = grade(course, "lesson-01")
    assert all(each.done for each in graded), graded
    found = list(marks(course))
    totals: dict[str, float] = {}
    for mark in found:
        totals[mark.student] = totals.get(mark.student, 0) + mark.score
    most = load(NAME).points
    assert totals.keys() == those.students
    right = {name for name, total in totals.items() if total == most}
    assert right == those.students & {*RIGHT, "right-another-way"}
    said = {mark.student: mark.message for mark in found if mark.message}
    wrong, silent = those.students & WRONG.keys(), ("empty", "nothing-in-it", "a-remark-only", "another-name")
    assert wrong <= said.keys() and len({said[name] for name in wrong}) >= min(len(wrong), 4)
    assert all(said[name] for name in those.students & {*ATTACKS, *silent})
    assert standing(found)[NAME][0] == len(right) and wrong_ways(found)


def test_there_are_thirty_sorts_of_work():
    assert len(STUDENTS) == 30 and STUDENTS.keys() >= SOME and len(WRONG) >= 4


def test_the_same_work_gets_the_same_marks_again(course: Path, those: Class):
    first = scores(course)
    for student in those.students - those.again:
        shutil.rmtree(course / "submitted" / student)
    for _ in range(those.times):
        graded = grade(course, "lesson-01")
        assert len(graded) == len(those.again) and all(each.done for each in graded), graded
        assert scores(course) == first


def scores(course: Path) -> dict[tuple[str, str], float]:
    return {(mark.student, mark.check): mark.score for mark in marks(course)}


def test_a_student_reads_what_the_notebook_would_have_said(course: Path):
    page = (course / "feedback" / "wrong_once" / "lesson-01" / "lesson-01.html").read_text()
    assert "expected:" in page and "happened:" in page and "Look at iteration" in page


def test_the_gradebook_is_a_table_and_a_chart(course: Path, those: Class, tmp_path: Path):
    from nbgrader.api import Gradebook

    from labkit.cli import main

    assert (
        main(["gradebook", str(course), "--csv", str(tmp_path / "m.csv"), "--chart", str(tmp_path / "c.png")])
        == 0
    )
    with (tmp_path / "m.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["student"] for row in rows} == those.students
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        graded = [
            (each.score, each.max_score) for each in book.notebook_submissions("lesson-01", "lesson-01")
        ]
    assert len(graded) == len(those.students)
    drawn = parts_of(chart(list(marks(course))))
    counted = {
        "all points": sum(score == most for score, most in graded),
        "some": sum(0 < score < most for score, most in graded),
        "none": sum(score == 0 for score, _ in graded),
    }
    assert drawn[NAME] == {part: count for part, count in counted.items() if count}
    wrong = [parts["met this"] for name, parts in drawn.items() if name != NAME]
    assert wrong and max(wrong) <= sum(score < most for score, most in graded)


def test_a_graded_check_raises_or_returns_none_and_is_silent(tmp_path: Path):
    """nbgrader's traps: a report that is returned would score in full, any warning would score nothing."""
    for file, fails in (("solution.py", False), ("wrong_once.py", True)):
        program = f"""
{answer(file)}
import pathlib
from labkit import check
assert check({NAME!r}, pathlib.Path({str(ANSWERS / NAME / file)!r})) is None
"""
        ended = subprocess.run(
            [sys.executable, "-W", "always", "-c", program],
            env=os.environ | {"NBGRADER_EXECUTION": "validate", "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=100, cwd=tmp_path,
        )  # fmt: skip
        assert (ended.returncode != 0) == fails
        assert ("AssertionError" in ended.stderr) if fails else not ended.stderr


def test_a_course_is_brought_up_to_date_and_keeps_its_seed(tmp_path: Path):
    folder = tmp_path / "course"
    made = write(folder)
    seed = json.loads((folder / "course.json").read_text())["seed"]
    shutil.rmtree(folder / "source")
    assert write(folder) == made == list(assignments())
    assert json.loads((folder / "course.json").read_text())["seed"] == seed
    text = "".join(path.read_text() for path in (folder / "source").rglob("*.ipynb"))
    assert str(seed) in text
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(FileExistsError, match="is not empty"):
        write(tmp_path / "other")


def test_ids_say_what_they_mark():
    assert Marked.of("read-until-eagain--2") == Marked("read-until-eagain", 2)
    assert Marked.of("read-until-eagain") is Marked.of("head") is Marked.of("--1") is None
