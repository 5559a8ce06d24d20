"""Each lesson fits an hour, and its cells fit a glance: what a reader is promised about time is computed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from labkit.teaching.questions import lesson

from ..helpers import NOTEBOOKS, code_cells
from . import minutes
from .minutes import held_lines, main_path, measure, predictions_in, said

AT_MOST = 45  # minutes of a main path
CARDS = {
    "10-bug-hunt": 5 * 14,
    "12-twenty-five-myths": 2 * 25,
}  # minutes of what is dipped into, card by card
WIDEST = 105  # characters
LONGEST = 8  # lines in a cell, a question counted as one; a longer cell says why: "labkit": {"long": "…"}

every_lesson = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@every_lesson
def test_its_main_path_takes_at_most_45_minutes_and_its_head_says_how_many(path: Path):
    takes = measure(read(path))
    assert takes.minutes <= CARDS.get(path.stem, AT_MOST), takes
    assert said(read(path)) == takes.minutes, "python -m tests.lessons.minutes --write puts it there"


@every_lesson
def test_each_cell_fits_a_glance(path: Path):
    long = [
        cell.source
        for cell in code_cells(read(path))
        if held_lines(cell.source) > LONGEST and not cell.metadata.get("labkit", {}).get("long")
    ]
    assert not long, f"longer than {LONGEST} lines, and not said why:\n" + "\n\n".join(long)


@every_lesson
def test_no_line_of_code_scrolls_sideways(path: Path):
    """In a window of 1,280 pixels, with JupyterLab's file list open, a cell shows 105 characters."""
    lines = [line for cell in code_cells(read(path)) for line in cell.source.splitlines()]
    assert not [line for line in lines if len(line) > WIDEST]


@every_lesson
def test_what_is_not_on_the_path_folds_and_comes_last(path: Path):
    """The appendix is one piece before exercises and last cell, begins by a heading, and is all tagged."""
    cells = [cell for cell in read(path).cells[:-1] if "exercise" not in cell.metadata.get("tags", [])]
    tagged = ["appendix" in cell.metadata.get("tags", []) for cell in cells]
    assert tagged == sorted(tagged), "a cell of the main path stands behind the appendix"
    if any(tagged):
        assert cells[tagged.index(True)].source.startswith("## More, if you like")


@every_lesson
def test_every_prediction_has_its_texts_and_a_run_that_settles_it(path: Path):
    cells = [cell.source for cell in code_cells(read(path))]
    asked = [each for source in cells for each in predictions_in(source)]
    texts = lesson(path.stem[:2])
    assert sorted(each.id for each in asked) == sorted(texts), "questions/NN.toml and the notebook differ"
    assert len({each.id for each in asked}) == len(asked)
    names = [
        node.targets[0].id
        for source in cells
        for node in ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.M)).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and predictions_in(ast.unparse(node))
    ]
    assert len(names) == len(set(names)) == len(asked), "each prediction has a name that is its own"
    for name in names:
        assert sum(f"{name}.reveal(" in source for source in cells) == 1, f"{name} is revealed once"
    for each in asked:
        assert set(texts[each.id].wrong) <= {*each.choices, "less", "more", "otherwise"} or not each.choices
        if each.choices:
            told = set(each.choices) - set(texts[each.id].wrong)
            assert len(told) == 1, f"{each.id}: every choice but the one that runs show has its misconception"


@every_lesson
def test_nothing_that_answers_stands_under_the_question(path: Path):
    """From a prediction to the run that settles it there is no prose but a fold."""
    waiting: set[str] = set()
    for cell in main_path(read(path)):
        if cell.cell_type == "code":
            waiting |= set(re.findall(r"^(\w+) = predict\(", cell.source, re.M))
            waiting -= set(re.findall(r"(\w+)\.reveal\(", cell.source))
        elif waiting:
            assert len(re.sub(r"<details>.*?</details>", "", cell.source, flags=re.S).split()) <= 60, (
                cell.source
            )


def test_the_course_asks_80_to_120_times():
    """On the main paths of the lessons. The myths are cards to dip into, and the appendices are extra."""
    asked = [
        each.id
        for path in NOTEBOOKS
        if path.stem not in CARDS
        for cell in main_path(read(path))
        if cell.cell_type == "code"
        for each in predictions_in(cell.source)
    ]
    assert 80 <= len(asked) <= 120
    assert len(set(asked)) == len(asked)


def test_a_question_is_one_line_of_a_cell_and_its_reveal_as_many_as_it_has():
    asks = 'a = predict(\n    "99-a", "one two",\n    choices=["three", "four"],\n)\n'
    assert minutes.held_lines(asks) == 1
    assert minutes.held_lines(asks + "# why\n\nx = 1\na.reveal(\n    'three'\n)") == 5


def test_the_minutes_count_what_is_read_and_done():
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("**Time:** about 2 minutes\n\nPress **Step**, " + "word " * 176),
            nbformat.v4.new_code_cell('a = predict("99-a", "one two", choices=["three", "four"])'),
            nbformat.v4.new_code_cell("x = 1\n\ny = 2\na.reveal(\n    'three')"),
            nbformat.v4.new_code_cell("Walked(turn, asyncore.read)\nWalked(turn, asyncore.read)"),
            nbformat.v4.new_markdown_cell("not counted", metadata={"tags": ["appendix"]}),
        ]
    )
    takes = measure(notebook)
    assert takes == (187, 1, 4, 2 + 2 + 7), "read() has seven lines, and is read once"
    assert takes.minutes == 4  # 1.03 for the words, 40 + 40 + 66 seconds
    assert said(notebook) == 2
    assert minutes.WORDS_A_MINUTE == 180
