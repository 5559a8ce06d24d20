"""A verdict in a notebook: line by line, the figure at the iteration in question, and hints on request."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from labkit.measure.html import prose
from labkit.teaching.practice_form import Exercise
from labkit.teaching.practice_verdict import Outcome, Verdict, diagnosed, opened, parted

HEAD = "<thead><tr><th>check</th><th>state</th><th>points</th></tr></thead>"


class Shown(Verdict):
    """A Verdict that a notebook shows when it is a cell's last value."""

    __slots__ = ()

    def _ipython_display_(self) -> None:
        show(self)


class NotYet:
    """What is said of a stub that nobody has changed: what there is to win, and hints."""

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise

    def __repr__(self) -> str:
        title, points = self.exercise.title, sum(each.points for each in self.exercise.checks)
        told = f"{title}, {points} points: this is still the stub."
        return f"{told} Write your answer into it, and run the cell again."

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        display(_fallback(HTML(f"<p>{escape(repr(self))}</p>"), repr(self)))
        display(Hints(self.exercise.hints).box)


def show(verdict: Verdict) -> None:
    """Display a verdict below the cell; as text where there are no widgets."""
    from IPython.display import HTML, display

    display(_fallback(HTML(page(verdict)), str(verdict)))
    failed = verdict.failed
    if failed is None:
        return
    display(Hints(verdict.exercise.hints).box)
    figure = opened(failed)
    if figure is not None:
        display(figure)


def _fallback(html: Any, text: str) -> Any:
    class Told:
        def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
            return {"text/html": html.data, "text/plain": text}

    return Told()


def page(verdict: Verdict) -> str:
    """The verdict as HTML: a table of the checks, then what to look at."""
    rows = "".join(_row(each, each is verdict.failed) for each in verdict.outcomes)
    parts = [
        f"<p><strong>{escape(verdict.exercise.title)}</strong>: {verdict.score} of {verdict.max} points</p>",
        f"<table>{HEAD}<tbody>{rows}</tbody></table>",
    ]
    if verdict.failed is not None:
        parts += _detail(verdict, verdict.failed)
    if verdict.printed:
        printed = f"<pre>{escape(verdict.printed)}</pre>"
        parts.append(f"<details><summary>What your code printed</summary>{printed}</details>")
    if verdict.passed:
        parts.append(f"<p>{prose(verdict.exercise.explanation)}</p>")
    return f'<div class="labkit-verdict">{"".join(parts)}</div>'


def _row(outcome: Outcome, first: bool) -> str:
    sign, word = ("✓", "passed") if outcome.passed else ("✗", "to do" if first else "not yet")
    return (
        f'<tr><td style="text-align:left">{sign} {escape(outcome.check)}</td>'
        f'<td style="text-align:left">{word}</td><td>{outcome.points}</td></tr>'
    )


def _detail(verdict: Verdict, failed: Outcome) -> list[str]:
    told = [("Expected", failed.expected), ("Happened", failed.happened)]
    if failed.at is not None:
        told.append(("Look at", f"iteration {failed.at}, where the figure below is opened"))
    finding = diagnosed(failed)
    if finding is not None:
        told.append(("What helps", finding.cure))
    parting = parted(verdict)
    if parting:
        told.append(("The reference", parting))
    items = (f"<dt><strong>{what}</strong></dt><dd>{prose(text)}</dd>" for what, text in told)
    return ["<dl>", *items, "</dl>"]


class Hints:
    """A button that gives one hint after another."""

    def __init__(self, hints: Sequence[str]) -> None:
        import ipywidgets

        self._hints = hints
        self.given = 0
        self.button = ipywidgets.Button(description=f"Hint 1 of {len(hints)}", tooltip="Show the next hint")
        self.text = ipywidgets.HTML()
        self.button.on_click(lambda _: self.give())
        self.box = ipywidgets.VBox([self.button, self.text])

    def give(self) -> None:
        self.given = min(self.given + 1, len(self._hints))
        shown = "".join(f"<li>{prose(hint)}</li>" for hint in self._hints[: self.given])
        self.text.value = f"<ol>{shown}</ol>"
        self.button.disabled = self.given == len(self._hints)
        self.button.description = f"Hint {min(self.given + 1, len(self._hints))} of {len(self._hints)}"
