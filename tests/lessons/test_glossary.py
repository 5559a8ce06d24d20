"""The glossary: each term links to the place that shows it, and is used nowhere before that place."""

from __future__ import annotations

import re
from typing import NamedTuple

import nbformat
import pytest

from ..helpers import NOTEBOOKS, ROOT

GLOSSARY = ROOT / "notebooks" / "glossary.ipynb"
TERM = re.compile(r"^- \*\*(.+?)\*\*: (.+) \[(\d\d) · (.+?)\]\((.+?)#(.+?)\)$", re.M)
MAP = "The map of the course"  # names lessons, and uses no words


class Term(NamedTuple):
    word: str
    said: str
    lesson: str
    heading: str
    file: str
    anchor: str


class Paragraph(NamedTuple):
    file: str
    heading: str
    text: str


def prose() -> list[Paragraph]:
    """What the lessons say, in order; but for heads, which name what is to come, titles and exercises."""
    found = []
    for path in NOTEBOOKS:
        if path == GLOSSARY:
            continue
        heading = ""
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            if cell.cell_type != "markdown" or "exercise" in cell.metadata.get("tags", []):
                continue
            for text in cell.source.split("\n\n"):
                for each in re.findall(r"^#{2,4} (.*)$", text, re.M):
                    heading = each
                if number > 1 and heading != MAP:
                    found.append(Paragraph(path.name, heading, re.sub(r"^#.*$", "", text, flags=re.M)))
    return found


PROSE = prose()
TERMS = [
    Term(*each) for cell in nbformat.read(GLOSSARY, as_version=4).cells for each in TERM.findall(cell.source)
]
every_term = pytest.mark.parametrize("term", TERMS, ids=lambda term: term.word)


def test_every_line_is_a_term_in_order():
    lines = [
        line
        for cell in nbformat.read(GLOSSARY, as_version=4).cells
        for line in cell.source.splitlines()
        if line.startswith("- ")
    ]
    words = [term.word for term in TERMS]
    assert len(lines) == len(words) > 40
    assert words == sorted(set(words), key=str.lower)


@every_term
def test_its_link_leads_to_a_heading(term: Term):
    assert term.file.startswith(term.lesson)
    headings = {each.heading for each in PROSE if each.file == term.file}
    assert term.heading in headings
    assert term.anchor == term.heading.replace(" ", "-")  # as JupyterLab makes it


@every_term
def test_it_is_introduced_there_and_used_nowhere_before(term: Term):
    word = r"\s+".join(map(re.escape, term.word.split()))
    used = re.compile(rf"(?<![\w-]){word}(?:s|ed)?(?![\w-])", re.I)
    first = next(each for each in PROSE if used.search(each.text))
    assert (first.file, first.heading) == (term.file, term.heading), first.text
    there = [each.text for each in PROSE if (each.file, each.heading) == (term.file, term.heading)]
    emphasised = re.compile(rf"(\*\*?|`)[^*`]*{word}(?:s|ed)?[^*`]*\1", re.I)
    assert any(emphasised.search(text) for text in there), f"{term.word} is not set off where it is explained"
