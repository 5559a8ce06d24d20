"""How far a reader is, lesson by lesson: predictions made and right, exercises, bugs and steps solved.

It reads the questions, the tasks and the progress file anew whenever it is shown, and changes none of them.
"""

from __future__ import annotations

from html import escape
from typing import Any, NamedTuple

from labkit.teaching import bugs_hunt, progress
from labkit.teaching.practice_form import every
from labkit.teaching.questions import lesson, lessons

KINDS = {"exercise": "exercises", "bug": "bugs", "step": "steps"}
HUNT = "10"  # the lesson of the bugs


class Row(NamedTuple):
    """One lesson: its predictions, made and right at the latest try of each; its tasks, and those solved."""

    lesson: str
    asked: int
    predicted: int
    right: int
    tasks: int
    solved: int
    kind: str  # what its tasks are called

    def words(self) -> str:
        told = []
        if self.asked:
            told.append(f"{self.predicted} of {self.asked} predictions made, {self.right} right")
        if self.tasks:
            told.append(f"{self.solved} of {self.tasks} {self.kind} solved")
        return f"lesson {self.lesson}: {'; '.join(told)}"


def rows() -> list[Row]:
    """A row for each lesson that asks for something."""
    kept, there = progress.read(), tasks()
    return [_row(number, kept, there.get(number, [])) for number in sorted({*lessons(), *there})]


def tasks() -> dict[str, list[tuple[str, str]]]:
    """{lesson: (kind, id) of each of its tasks, as progress keeps them}."""
    found: dict[str, list[tuple[str, str]]] = {}
    for exercise in every():
        found.setdefault(exercise.lesson, []).append((exercise.kind, exercise.name))
    found[HUNT] = [("bug", str(number)) for number in bugs_hunt.cases()]
    return found


def _row(number: str, kept: progress.Book, there: list[tuple[str, str]]) -> Row:
    asked = lesson(number) if number in lessons() else {}
    answered = [try_ for id in asked if (try_ := _latest(kept.get("prediction", {}).get(id)))]
    solved = sum(kept.get(kind, {}).get(id, {}).get("passed") is True for kind, id in there)
    right = sum(each["right"] is True for each in answered)
    kind = KINDS[there[0][0]] if there else ""
    return Row(number, len(asked), len(answered), right, len(there), solved, kind)


def _latest(tries: Any) -> dict[str, Any] | None:
    """The latest try that a run has judged."""
    for each in reversed(tries if isinstance(tries, list) else []):
        if isinstance(each, dict) and isinstance(each.get("right"), bool):
            return each
    return None


class Overview:
    """The rows as a table, in a notebook and as text."""

    def _repr_html_(self) -> str:
        heads = ("lesson", "predictions", "made", "right", "tasks", "solved", "")
        head = "".join(f"<th>{each}</th>" for each in heads)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_html, rows()))}</tbody></table>"

    def __repr__(self) -> str:
        return "\n".join(row.words() for row in rows()) or "no lesson asks for anything"


def _html(row: Row) -> str:
    tasks = f"{row.tasks} {escape(row.kind)}" if row.tasks else ""
    numbers = (row.asked, row.predicted, row.right) if row.asked else ("", "", "")
    cells = "".join(f"<td>{each}</td>" for each in (*numbers, tasks, row.solved if row.tasks else ""))
    done, all_ = row.predicted + row.solved, row.asked + row.tasks
    bar = f'<progress value="{done}" max="{all_}" aria-label="lesson {escape(row.lesson)}"></progress>'
    return f"<tr><th>{escape(row.lesson)}</th>{cells}<td>{bar}</td></tr>"
