"""The front page: the README's opening, its map of the lessons, how to run them, and what teachers do."""

from __future__ import annotations

import re
from pathlib import Path

from website.pages import linked

STARTS = "## Start"
WHOLE = ("## The lessons", "## In class")


def front(readme: Path, pages: list[str]) -> str:
    """The README up to its first command, WHOLE sections of it, and a hidden table of contents for Sphinx."""
    text = readme.read_text(encoding="utf-8").replace("notebooks/figure.png", "figure.png")
    opening = text[: text.index(f"\n{STARTS}\n")]
    opening = re.sub(r"^This picture is of a real run.*?\n\n?", "", opening, flags=re.MULTILINE | re.DOTALL)
    contents = "\n".join(["```{toctree}", ":hidden:", ":maxdepth: 1", "", *pages, "```"])
    lessons, teaching = (linked(section(text, each), pages) for each in WHOLE)
    return "\n\n".join([linked(opening.rstrip(), pages), lessons, RUN, teaching, contents, ""])


def section(text: str, heading: str) -> str:
    """A section of a Markdown text with its heading."""
    start = text.index(f"\n{heading}\n") + 1
    end = text.find("\n## ", start + 1)
    return text[start : end if end >= 0 else None].rstrip()


RUN = """## This site, and the lab itself

These pages are runs of the lessons, on the machine that built them. You can predict, lock your answer in, and
see what that run did; and you can go through every recorded loop, step by step. What you lock in is kept in
this browser and sent nowhere.

To drive the loops yourself, get the project's files and run `make lab`: you need Linux or macOS, Python 3.11
or newer, and `make`."""
