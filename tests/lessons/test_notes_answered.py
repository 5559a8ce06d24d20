"""docs/notes-answered.md: each answer that it names is there, under that heading of that lesson."""

from __future__ import annotations

import re

import nbformat
import pytest

from ..helpers import NOTEBOOKS, ROOT

ANSWERS = re.findall(
    r"^\| (.+?) \| (\d\d) \| (.+?) \|$", (ROOT / "docs" / "notes-answered.md").read_text("utf-8"), re.M
)


def headings(number: str) -> set[str]:
    (path,) = (path for path in NOTEBOOKS if path.stem.startswith(number))
    cells = nbformat.read(path, as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return set(re.findall(r"^##+ (.*)$", prose, re.M))


@pytest.mark.parametrize("number", sorted({number for _, number, _ in ANSWERS}))
def test_every_heading_that_answers_is_in_its_lesson(number: str):
    named = {heading for _, lesson, heading in ANSWERS if lesson == number}
    assert named <= headings(number), sorted(named - headings(number))


def test_no_statement_is_listed_twice_and_every_line_of_a_table_is_read():
    said = [statement for statement, _, _ in ANSWERS]
    assert len(said) == len(set(said)) > 50
    text = (ROOT / "docs" / "notes-answered.md").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and "heading |" not in line]
    assert len(lines) == len(ANSWERS)
