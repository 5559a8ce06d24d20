"""Which questions an output would answer: it is veiled until each of them is locked in, or given up.

A question is open from its cell to the end of its section, and at least to the cell that reveals it. It knows
the cells of an executed notebook, and nothing of pages.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import nbformat

CARD = "application/vnd.labkit.prediction+json"


class Open(NamedTuple):
    """A question and where it is open: from the cell that asks to the last cell that may answer."""

    id: str
    first: int
    last: int


def open_questions(cells: list[nbformat.NotebookNode]) -> list[Open]:
    """Every question of a notebook that is revealed somewhere, in the order in which they are asked."""
    ends = _ends_of_sections(cells)
    asked = {card["id"]: at for at, card in _cards(cells) if card["part"] == "question"}
    told = {card["id"]: at for at, card in _cards(cells) if card["part"] == "answer"}
    return [Open(id, at, max(ends[at], told[id])) for id, at in asked.items() if id in told]


def veiled_by(questions: list[Open], at: int) -> list[str]:
    """The ids of the questions that an output of cell `at` might answer."""
    return [each.id for each in questions if each.first <= at <= each.last]


def _cards(cells: list[nbformat.NotebookNode]) -> list[tuple[int, dict[str, Any]]]:
    return [
        (at, output.data[CARD])
        for at, cell in enumerate(cells)
        for output in cell.get("outputs", [])
        if CARD in output.get("data", {})
    ]


def _ends_of_sections(cells: list[nbformat.NotebookNode]) -> list[int]:
    """For each cell, the last cell before the next heading."""
    ends, end = [0] * len(cells), len(cells) - 1
    for at in range(len(cells) - 1, -1, -1):
        ends[at] = end
        if cells[at].cell_type == "markdown" and re.search(r"^#{1,3} ", cells[at].source, re.MULTILINE):
            end = at - 1
    return ends
