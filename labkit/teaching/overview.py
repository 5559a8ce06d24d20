"""How far a reader is: the predictions of each lesson, asked, answered and right.

It reads the questions and the progress file anew whenever it is shown, and changes neither.
"""

from __future__ import annotations

from html import escape
from typing import Any, NamedTuple

from labkit.teaching import progress
from labkit.teaching.questions import lesson, lessons


class Row(NamedTuple):
    """One lesson: how many predictions it asks for, and what became of them at the latest try of each."""

    lesson: str
    asked: int
    predicted: int
    right: int


def rows() -> list[Row]:
    """A row for each lesson that asks for predictions."""
    kept = progress.read().get("prediction", {})
    found = []
    for number in lessons():
        asked = lesson(number)
        answered = [try_ for id in asked if (try_ := _latest(kept.get(id)))]
        found.append(Row(number, len(asked), len(answered), sum(each["right"] is True for each in answered)))
    return found


def _latest(tries: Any) -> dict[str, Any] | None:
    """The latest try that a run has judged."""
    for each in reversed(tries if isinstance(tries, list) else []):
        if isinstance(each, dict) and isinstance(each.get("right"), bool):
            return each
    return None


class Overview:
    """The rows as a table, in a notebook and as text."""

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{each}</th>" for each in ("lesson", "predictions", "made", "right", ""))
        body = "".join(
            f"<tr><th>{escape(row.lesson)}</th><td>{row.asked}</td><td>{row.predicted}</td><td>{row.right}</td>"
            f'<td><progress value="{row.predicted}" max="{row.asked}" '
            f'aria-label="lesson {escape(row.lesson)}"></progress></td></tr>'
            for row in rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        lines = [
            f"lesson {row.lesson}: {row.predicted} of {row.asked} predictions made, {row.right} right"
            for row in rows()
        ]
        return "\n".join(lines) or "no lesson asks for predictions"
