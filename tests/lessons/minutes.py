"""How long a lesson's main path takes a beginner, computed from what there is to read and to do.

    python -m tests.lessons.minutes            what each lesson takes, and of what
    python -m tests.lessons.minutes --write    and put the number into each lesson's head, and INSTRUCTOR.md

180 words a minute, 40 s a prediction, 10 s a press (a button of the figure that the text names, or a cell
that is run), 6 s a line of code: in a cell, or of a function of asyncore that is walked line by line (each
is counted once). Cells tagged "appendix" are no part of the path. Of a prediction the question, its choices
and its reason are read as prose, not as code.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import operator
import re
import sys
import textwrap
import warnings
from pathlib import Path
from typing import NamedTuple

import nbformat

from labkit.teaching.questions import told

from ..helpers import NOTEBOOKS, ROOT

INSTRUCTOR = ROOT / "INSTRUCTOR.md"  # whose plan for each lesson says the same
WORDS_A_MINUTE = 180
PREDICTION, PRESS, LINE = 40, 10, 6  # seconds
BUTTONS = (
    "Step",
    "Run",
    "Pause",
    "Play",
    "Back",
    "Forward",
    "Reads",
    "Close",
    "Reset",
    "Shut down",
    "Connect",
)
PRESSED = re.compile(rf"\*\*[◀\s]*({'|'.join(BUTTONS)})[▶\s.]*\*\*|<kbd>")
SAID = re.compile(r"\*\*Time:\*\* about (\d+) minutes")
WALKED = re.compile(r"\bWalked\(\w+, asyncore\.([\w.]+)")
MARKUP = re.compile(r"<[^>]+>|\]\([^)]*\)|[#*`>|\[\]-]+")


class Path_(NamedTuple):
    """What the main path of a lesson is made of."""

    words: int
    predictions: int
    presses: int
    lines: int

    @property
    def minutes(self) -> int:
        seconds = self.predictions * PREDICTION + self.presses * PRESS + self.lines * LINE
        return math.ceil(self.words / WORDS_A_MINUTE + seconds / 60)


def main_path(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells that are no appendix."""
    return [cell for cell in notebook.cells if "appendix" not in cell.metadata.get("tags", [])]


def measure(notebook: nbformat.NotebookNode) -> Path_:
    words = predictions = presses = lines = 0
    walked: set[str] = set()
    for cell in main_path(notebook):
        if cell.cell_type == "markdown":
            words += len(MARKUP.sub(" ", cell.source).split())
            presses += len(PRESSED.findall(cell.source))
        elif cell.cell_type == "code" and cell.source.strip():
            asked = predictions_in(cell.source)
            words += sum(each.words for each in asked)
            predictions += len(asked)
            presses += 1
            lines += len(code_lines(cell.source))
            walked |= set(WALKED.findall(cell.source))
    return Path_(words, predictions, presses, lines + sum(map(lines_of, walked)))


def lines_of(function: str) -> int:
    """How many lines of code a function of asyncore has, by its name there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncore = importlib.import_module("asyncore")
    source = inspect.getsource(operator.attrgetter(function)(asyncore))
    lines = code_lines(textwrap.dedent(source))
    return sum(not line.strip().startswith("#") for line in lines)


class Asked(NamedTuple):
    """One predict(…) of a cell."""

    id: str
    words: int  # of the question, its choices and its reason
    choices: list[str]


def predictions_in(source: str) -> list[Asked]:
    found = []
    for call in _calls(source, "predict"):
        texts = [each.value for each in ast.walk(call) if isinstance(each, ast.Constant)]
        id = str(texts[0])
        said = [str(each) for each in texts[1:]] + [told(id).reason]
        choices = [key.value for key in call.keywords if key.arg == "choices"]
        listed = [str(each.value) for c in choices for each in ast.walk(c) if isinstance(each, ast.Constant)]
        found.append(Asked(id, sum(len(each.split()) for each in said), listed))
    return found


def code_lines(source: str) -> list[str]:
    """The lines that have to be read as code: not those of a predict(…), a reveal(…), or none at all."""
    lines = dict(enumerate(source.splitlines(), 1))
    for call in [*_calls(source, "predict"), *_calls(source, "reveal")]:
        for number in range(call.lineno, (call.end_lineno or call.lineno) + 1):
            lines.pop(number, None)
    return [line for line in lines.values() if line.strip()]


def held_lines(source: str) -> int:
    """How many lines a cell holds: comments and empty lines do not count, a question counts as one."""
    lines = [line for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]
    asked = [(call.end_lineno or call.lineno) - call.lineno for call in _calls(source, "predict")]
    return len(lines) - sum(asked)


def _calls(source: str, name: str) -> list[ast.Call]:
    tree = ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE))
    calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call)]
    return [
        call
        for call in calls
        if (isinstance(call.func, ast.Name) and call.func.id == name)
        or (isinstance(call.func, ast.Attribute) and call.func.attr == name)
    ]


def said(notebook: nbformat.NotebookNode) -> int | None:
    """The minutes that the lesson's head promises."""
    heads = [cell.source for cell in notebook.cells[:3] if cell.cell_type == "markdown"]
    found = SAID.search("\n".join(heads))
    return int(found[1]) if found else None


def write(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    minutes = measure(notebook).minutes
    for cell in notebook.cells[:3]:
        cell.source = SAID.sub(f"**Time:** about {minutes} minutes", cell.source)
    nbformat.write(notebook, path)
    if not path.name[:2].isdigit():
        return  # the glossary is no lesson
    plan = INSTRUCTOR.read_text(encoding="utf-8")
    number = int(path.name[:2])
    INSTRUCTOR.write_text(
        re.sub(rf"(?m)^(\*\*{number} · .*?\*\* \()\d+", rf"\g<1>{minutes}", plan), encoding="utf-8"
    )


if __name__ == "__main__":
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        print(
            f"{path.stem:<30} {measure(notebook).minutes:>3} min (says {said(notebook)}): {measure(notebook)}"
        )
        if "--write" in sys.argv:
            write(path)
