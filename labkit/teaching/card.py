"""How a prediction looks: a card that asks and a card that answers; widgets, HTML without a kernel, text.

It draws the state that it is given, a plain dict, and passes on what a reader presses: it decides nothing,
and knows neither what is right nor where answers are kept. Every text reaches the page as text.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any, Protocol

from labkit.measure.html import prose
from labkit.teaching.answers import LETTERS

State = dict[str, Any]
Orders = Mapping[str, Callable[[Any], None]]
HERE = Path(__file__).parent
WIDGET = "application/vnd.jupyter.widget-view+json"
DATA = "application/vnd.labkit.prediction+json"  # the state itself, for pages without a kernel
FOLDED = "What this run did. Predict first, then open."


class Question(Protocol):
    """What cards are drawn of."""

    def state(self) -> State:
        """What to draw; nothing in it answers the question before it may be seen."""

    def verdict(self) -> State:
        """What the run did, for pages that fold it."""

    def settled(self) -> State:
        """What any answer is judged by, for pages that judge without a kernel."""


class Cards:
    """The two cards of one question: `orders` are what each press does."""

    def __init__(self, question: Question, orders: Orders) -> None:
        self._question, self._orders = question, orders
        self._cards: dict[str, _Card] = {}
        self._shown: list[_Shown] = []

    def ask(self) -> None:
        """Show the card that asks."""
        self._place("question")

    def answer(self, shows: Any = None) -> None:
        """Show the card that answers, and `shows` (one thing or a list) as soon as it may be seen."""
        self._place("answer")
        self._shown = []
        if shows is not None:
            self.also(shows)

    def also(self, shows: Any) -> None:
        """Show `shows` (one thing or a list) here, as soon as it may be seen."""
        things = shows if isinstance(shows, list | tuple) else [shows]
        if things:
            self._shown.append(_Shown(list(things), self._question.state()["told"]))

    def show(self) -> None:
        """Draw both cards anew."""
        for card in self._cards.values():
            card.draw()
        for shown in self._shown:
            shown.draw(self._question.state()["told"])

    def close(self) -> None:
        """Close the widgets; the last state stays in the output as HTML."""
        for card in self._cards.values():
            card.close()
        self._cards.clear()
        self._shown = []

    def _place(self, part: str) -> None:
        if part in self._cards:
            self._cards.pop(part).close()
        if part == "answer":
            self.show()
        self._cards[part] = _Card(part, self._question, self._orders)


class _Card:
    """One card in the output of a cell, or a text on the terminal."""

    def __init__(self, part: str, question: Question, orders: Orders) -> None:
        self.part, self._question, state = part, question, question.state()
        self._published: dict[str, Any] = {}
        self._widget: Any = None
        self._display: Any = None
        if not notebook():
            print(text(part, state), end="\n\n")
            return
        from IPython.display import display

        self._widget = _widget(part, state, orders)
        self._published = self._bundle()
        self._display = display(self._published, raw=True, display_id=True)
        _shell().events.register("post_run_cell", self._publish)

    def draw(self) -> None:
        state = self._question.state()
        if self._widget is not None:
            self._widget.state = {"part": self.part, **state}
        elif self.part == "answer" and state["told"] and not notebook():
            print(text(self.part, state), end="\n\n")

    def close(self) -> None:
        widget, self._widget = self._widget, None
        if widget is None:
            return
        with contextlib.suppress(ValueError):
            _shell().events.unregister("post_run_cell", self._publish)
        with contextlib.suppress(Exception):  # the notebook may be gone already
            self._display.update(self._bundle(), raw=True)
        widget.layout.close()
        widget.close()

    def _bundle(self) -> dict[str, Any]:
        state = self._question.state()
        verdict = self._question.verdict() if state["ran"] else None
        settled = self._question.settled() if state["ran"] else None
        bundle: dict[str, Any] = {
            "text/plain": text(self.part, state),
            "text/html": html(self.part, state, verdict),
            DATA: {"part": self.part, **state, "settled": settled},
        }
        if self._widget is not None:
            bundle[WIDGET] = {"version_major": 2, "version_minor": 0, "model_id": self._widget.model_id}
        return bundle

    def _publish(self, *_: Any) -> None:
        """Put the present state into what is saved with the notebook."""
        bundle = self._bundle()
        if bundle["text/html"] != self._published["text/html"]:
            self._published = bundle
            self._display.update(bundle, raw=True)


class _Shown:
    """What answers the question beside the card: folded until it may be seen."""

    def __init__(self, things: list[Any], told: bool) -> None:
        self._things, self._told = things, told
        self._handle: Any = None
        if not notebook():
            print("\n".join(map(str, things)) if told else FOLDED)
            return
        from IPython.display import display

        self._handle = display(self._bundle(), raw=True, display_id=True)

    def draw(self, told: bool) -> None:
        if told != self._told:
            self._told = told
            if self._handle is not None:
                self._handle.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, Any]:
        found = [_bundled(thing) for thing in self._things]
        if not all(found):
            raise TypeError("shows= takes tables and charts; a live figure goes into a cell of its own")
        pages = [
            data.get("text/html") or f"<pre>{escape(data.get('text/plain', ''))}</pre>" for data in found
        ]
        page, plain = "<br>".join(pages), "\n\n".join(data.get("text/plain", "") for data in found)
        if self._told:
            return {"text/html": page, "text/plain": plain}
        return {
            "text/html": f"<details><summary>{FOLDED}</summary>{page}</details>",
            "text/plain": FOLDED,
        }


def _bundled(thing: Any) -> dict[str, Any]:
    """What a notebook shows of a thing; a sentence as it stands, not as Python writes it."""
    if isinstance(thing, str):
        return {"text/html": f"<p>{escape(thing)}</p>", "text/plain": thing}
    found: dict[str, Any] = _shell().display_formatter.format(thing)[0]
    return found


# ---- without a kernel ------------------------------------------------------------------------------------


def text(part: str, state: State) -> str:
    """A card as text. What answers the question is not in it before it may be seen."""
    if part == "question":
        return _question_text(state)
    if not state["told"]:
        return f"(Prediction {state['id']}: what the run did is told once you have predicted.)"
    verdict = state["verdict"]
    lines = [f"You predicted   {verdict['mine']}", f"This run did    {verdict['seen']}"]
    return "\n".join([*lines, _mark(verdict["right"]), "", verdict["reason"]]).strip()


def _question_text(state: State) -> str:
    lines = [f"Predict. {state['question']}"]
    if state["kind"] == "number":
        lines += [f"  a number of {state['unit']}. {state['within']}".rstrip()]
    else:
        lines += [f"  {letter}: {each}" for letter, each in zip(LETTERS, state["options"], strict=False)]
    if state["kind"] == "order":
        lines += ["  Put these in order."]
    if state["answer"] is not None:
        lines += [f"Locked in: {state['said']}"]
    return "\n".join(lines)


def html(part: str, state: State, verdict: State | None = None) -> str:
    """A card for a page without a kernel: GitHub, an export. What answers the question is folded."""
    if part == "question":
        options = "".join(f"<li>{prose(each)}</li>" for each in state.get("options", ()))
        asked = f"<p><b>Predict.</b> {prose(state['question'])}</p>"
        listed = f'<ol type="A">{options}</ol>' if options else f"<p>A number of {escape(state['unit'])}.</p>"
        locked = f"<p>Locked in: {prose(state['said'])}</p>" if state["answer"] is not None else ""
        return asked + listed + locked
    if verdict is None:
        return "<p>Run this cell again: the question is a new one.</p>"
    mine = (
        f"<p>You predicted: {prose(verdict['mine'])}. {_mark(verdict['right'])}</p>" if state["told"] else ""
    )
    said = f"{mine}<p>This run did: <b>{prose(verdict['seen'])}</b></p>"
    said += "".join(f"<p>{prose(each)}</p>" for each in verdict["reason"].split("\n\n"))
    return said if state["told"] else f"<details><summary>{FOLDED}</summary>{said}</details>"


def _mark(right: bool | None) -> str:
    return {True: "✓ as you said", False: "✗ not as you said", None: ""}[right]


# ---- with one --------------------------------------------------------------------------------------------


def _widget(part: str, state: State, orders: Orders) -> Any:
    import anywidget
    import traitlets

    class Prediction(anywidget.AnyWidget):
        _esm = HERE / "predict.js"
        _css = HERE / "predict.css"
        state = traitlets.Dict().tag(sync=True)

    widget = Prediction(state={"part": part, **state})

    def pressed(_: Any, message: Any, __: Any) -> None:
        name = message.get("order") if isinstance(message, dict) else None
        if isinstance(name, str) and name in orders:
            orders[name](message.get("value"))

    widget.on_msg(pressed)
    return widget


def notebook() -> bool:
    """Whether this is a notebook's kernel, whose outputs may hold more than text."""
    return getattr(_shell(), "kernel", None) is not None


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
