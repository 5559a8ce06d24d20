"""The exercises at the end of each lesson: statement, stub and check, written from the exercises themselves.

    python -m tests.lessons.practise --write    put them into the lessons anew

An answer in a notebook gets a name of its own, MyEdgeSafeReading, since the lesson may use the exercise's.
"""

from __future__ import annotations

import re
import sys

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from labkit.teaching.practice_form import Exercise, every

from ..helpers import NOTEBOOKS

TAGS = ["appendix", "exercise"]
LESSONS = [path for path in NOTEBOOKS if "01" <= path.stem[:2] <= "09"]  # 10 and 11 are exercises themselves
HEAD = """## Practise

Change a cell and run it: `check` runs your code in a process of its own, and judges what its loop
did. It shows where something went wrong, and has hints. (In a terminal, beside your own editor:
`labkit practice`.)"""


def cells_of(lesson: str) -> list[NotebookNode]:
    """The cells that end the lesson with this number; none if it has no exercise."""
    found = [each for each in every() if each.lesson == lesson]
    cells = [new_markdown_cell(HEAD, metadata={"tags": TAGS})] if found else []
    for each in found:
        metadata = {"tags": TAGS, "labkit": {"long": "the stub of an exercise"}}
        cells += [
            new_markdown_cell(f"### {each.title}\n\n{told(each)}", metadata={"tags": TAGS}),
            new_code_cell(stub(each), metadata=metadata),
        ]
    for number, cell in enumerate(cells):
        cell["id"] = f"exercise-{lesson}-{number:02}"
    return cells


def named(exercise: Exercise) -> str:
    """The name of the answer in a notebook: my_never_block, or MyEdgeSafeReading for a class."""
    words = exercise.name.split("-")
    if exercise.answer[0].isupper():
        return "My" + "".join(word.capitalize() for word in words)
    return "_".join(["my", *words])


def told(exercise: Exercise) -> str:
    """The statement, about the answer by its name in the notebook."""
    code = re.compile(r"`[^`]*`")
    return code.sub(lambda each: _renamed(each[0], exercise), exercise.statement.strip())


def stub(exercise: Exercise) -> str:
    text = _renamed(exercise.stub.strip(), exercise)
    return f'from labkit import check\n{text}\n\ncheck("{exercise.name}", {named(exercise)})'


def _renamed(text: str, exercise: Exercise) -> str:
    return re.sub(rf"\b{exercise.answer}\b", named(exercise), text)


def with_exercises(notebook: NotebookNode, lesson: str) -> list[NotebookNode]:
    """The lesson's cells, the exercises before the last of them."""
    cells = [cell for cell in notebook.cells if "exercise" not in cell.metadata.get("tags", [])]
    return [*cells[:-1], *cells_of(lesson), cells[-1]]


if __name__ == "__main__":
    for path in LESSONS:
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = with_exercises(notebook, path.stem[:2])
        if "--write" in sys.argv:
            nbformat.write(notebook, path)
        print(f"{path.stem}: {len(cells_of(path.stem[:2])) // 2} exercises")
