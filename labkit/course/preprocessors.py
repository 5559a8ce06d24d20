"""What nbgrader asks of this course: stubs for solutions, and a judge for answers.

nbgrader would run a student's whole notebook in one kernel, where any cell can replace the checker, hang, or
write to stderr. Here no cell of it is run: the answer cells' text, and the definitions that other cells add,
go to the exercise's judge, which runs them in a process of their own and returns a verdict.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Unicode

from labkit.course.assignment import Marked
from labkit.teaching.practice import judge
from labkit.teaching.practice_form import load
from labkit.teaching.practice_source import Unusable
from labkit.teaching.practice_verdict import Outcome, Verdict

DEFINE = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


class Stubs(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader is untyped
    """Put the exercise's stub into every answer cell of a release."""

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution"):
            cell.source = load(marks["grade_id"]).stub.strip()
        return cell, resources


class Whole(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader is untyped
    """Make a submission whole again: every cell that nbgrader knows stands in it once.

    Students copy cells, and nbgrader stops at the copy; they delete cells, and nbgrader gives nothing for
    what is gone. The first of two counts, and a check that is gone is taken from the release.
    """

    settings = Unicode("", help="the course's course.json, beside its release folder").tag(config=True)

    def preprocess(self, notebook: Any, resources: Any) -> tuple[Any, Any]:
        seen: set[str] = set()
        for cell in notebook.cells:
            id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if id in seen:
                del cell.metadata["nbgrader"]
            elif id:
                seen.add(id)
        for cell in self._released(resources):
            marks = cell.metadata.get("nbgrader", {})
            if marks.get("grade") and marks["grade_id"] not in seen:
                cell["id"] = f"again-{len(notebook.cells)}"
                notebook.cells.append(cell)
        return notebook, resources

    def _released(self, resources: Any) -> list[Any]:
        names = resources["nbgrader"]
        folder = Path(self.settings).parent / "release" / names["assignment"]
        path = folder / f"{names['notebook']}.ipynb"
        return list(nbformat.read(path, as_version=4).cells) if path.exists() else []


class Judge(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader is untyped
    """Judge every answer of a notebook, and leave each check's outcome as the output of its cell."""

    settings = Unicode("", help="the course's course.json, with the seed of graded runs").tag(config=True)

    def preprocess(self, notebook: Any, resources: Any) -> tuple[Any, Any]:
        seed = json.loads(Path(self.settings).read_text())["seed"] if self.settings else 0
        verdicts: dict[str, Verdict | str] = {}
        for cell in notebook.cells:
            marks = cell.metadata.get("nbgrader", {})
            marked = Marked.of(marks.get("grade_id", "")) if marks.get("grade") else None
            if marked is None:
                continue
            if marked.exercise not in verdicts:
                verdicts[marked.exercise] = _verdict(notebook, marked.exercise, seed)
            cell.outputs = [_output(verdicts[marked.exercise], marked.number)]
        return notebook, resources


def _verdict(notebook: Any, name: str, seed: int) -> Verdict | str:
    """The judge's verdict on an exercise, or why there is nothing to judge."""
    exercise = load(name)
    answers = [each.source for each in notebook.cells if _is_answer(each, name)]
    if not answers:
        return f"The answer cell of “{exercise.title}” is gone: take it from the assignment again."
    text = "\n\n".join([*_definitions(notebook), answers[0]])
    try:
        return judge(exercise, text + "\n", seed=seed)
    except Unusable as error:
        return f"There is nothing to judge: {error}."


def _is_answer(cell: Any, name: str) -> bool:
    marks = cell.metadata.get("nbgrader", {})
    return bool(marks.get("solution") and marks.get("grade_id") == name)


def _definitions(notebook: Any) -> list[str]:
    """What cells of the student's own define: imports, functions, classes and plain values; nothing else."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code" or "nbgrader" in cell.metadata:
            continue
        try:
            tree = ast.parse(cell.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # not finished, or a magic
            continue
        found += [ast.unparse(node) for node in tree.body if _defines(node)]
    return found


def _defines(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign):  # not what a call returned
        return not any(isinstance(each, ast.Call | ast.Await | ast.Yield) for each in ast.walk(node))
    return isinstance(node, DEFINE)


def _output(verdict: Verdict | str, number: int) -> Any:
    """A check's outcome as nbgrader marks it: an error is no points, a text on stdout is all of them."""
    if isinstance(verdict, str):
        return _error(verdict)
    outcome = verdict.outcomes[number]
    if outcome.passed:
        return new_output("stream", name="stdout", text=f"✓ {outcome.check}\n")
    return _error(_message(verdict, outcome))


def _message(verdict: Verdict, outcome: Outcome) -> str:
    """What the notebook would have said: the whole verdict for the first check that failed."""
    if outcome is verdict.failed:
        return str(verdict)
    return f"✗ {outcome.check}\n    expected: {outcome.expected}\n    happened: {outcome.happened}"


def _error(text: str) -> Any:
    return new_output("error", ename="NotYet", evalue=text.partition("\n")[0], traceback=text.splitlines())
