"""What is told after a prediction was locked in: one file a lesson, 01.toml for each id that begins with 01-.

    [01-sleeps]
    reason = "Why a run does what it does; {observed}, and the instance's numbers by name, are filled in."
    [01-sleeps.wrong]
    "it asks again and again" = "What somebody who chose this took to be true, and where it breaks."

The key of a misconception is the choice's own text. For a number it is that number, "less" or "more"; for an
order "this before that", or "otherwise". No right answer stands here: runs say it.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import NamedTuple


class Told(NamedTuple):
    """What is told of one question: the reason, and a text for each misconception."""

    reason: str = ""
    wrong: dict[str, str] = {}


def told(id: str) -> Told:
    """The texts of a question; empty ones if no lesson has it."""
    return lesson(id.partition("-")[0]).get(id, Told())


@cache
def lesson(number: str) -> dict[str, Told]:
    """{id: texts} of the questions of a lesson, such as "01", in their order."""
    file = resources.files(__name__) / f"{number}.toml"
    if not (number.isalnum() and file.is_file()):
        return {}
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    return {id: Told(each.get("reason", "").strip(), each.get("wrong", {})) for id, each in found.items()}


def lessons() -> list[str]:
    """The numbers of the lessons that have questions."""
    names = (file.name for file in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))
