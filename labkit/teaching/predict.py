"""predict: ask before the run, lock the answer in, and show it beside what the run did.

    sleeps = predict("01-sleeps", "How long does `recv` sleep?", choices=["not at all", "until bytes come"])
    ...                                                    # the experiment
    sleeps.reveal("until bytes come" if slept else "not at all", at=iteration)

What is right comes from the run, never from the lesson. Nothing waits for an answer. This knows how a
question goes on; not how it looks (card.py), nor how an answer is judged (answers.py).
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from labkit.figure.veil import Question
from labkit.lab import cells
from labkit.teaching import progress
from labkit.teaching.answers import Choices, Kind, Number, Order
from labkit.teaching.card import Cards
from labkit.teaching.questions import told

_NOTHING = object()


def predict(
    id: str,
    question: str,
    *,
    choices: Sequence[Any] | None = None,
    number: str | None = None,
    order: Sequence[str] | None = None,
    within: float = 1.0,
    seed: int | None = None,
    **numbers: Sequence[Any],
) -> Guess:
    """Ask, and show the question at once; the reader answers when they like.

    `id` begins with the lesson's number: "01-sleeps". `choices` are values told apart by ==; `number` is the
    unit of a number, right if at most a factor of `within` away; `order` are the items to be put in order.
    Each of `numbers` is what one number of this instance may be: n=range(100, 5000, 100). It is drawn by
    `seed`, stands in the question as {n}, and is `guess.draw.n`. ValueError says what is wrong with these.
    """
    kind = _kind(choices, number, order, within)
    earlier = _guesses.pop(id, None)
    if earlier is not None:
        earlier.close()
    guess = Guess(id, question, kind, seed or 0, numbers)
    _guesses[id] = guess
    guess.cards.ask()
    return guess


def _kind(choices: Any, number: Any, order: Any, within: float) -> Kind:
    if [choices, number, order].count(None) != 2:
        raise ValueError('a prediction needs one of choices=[…], number="bytes" and order=[…]')
    if choices is not None:
        return Choices(tuple(choices))
    return Number(str(number), within) if number is not None else Order(tuple(map(str, order)))


class Guess(Question):
    """One question and what its reader has answered; made by `predict`.

    `draw` holds the instance's numbers, and its `seed`. `answer` is None until one is locked in. `right` is
    None until both an answer and a run are there.
    """

    def __init__(
        self, id: str, question: str, kind: Kind, seed: int, numbers: dict[str, Sequence[Any]]
    ) -> None:
        super().__init__()
        for name, values in numbers.items():
            if isinstance(values, str) or not isinstance(values, Sequence) or not len(values):
                raise ValueError(f"{name}={values!r}: give what may be drawn, such as range(100, 5000, 100)")
        self.id, self.kind = id, kind
        self.answer: Any = None
        self.given_up = False  # "show me" was pressed
        self.at: int | None = None
        self.turn: Any = None  # the Iteration that answers it, where the lesson gave one
        self.words = ""  # that iteration in words, for a reader who asked for it where no figure shows it
        self.trouble = ""
        self._asked, self._numbers, self._first = question, numbers, seed
        self._observed: Any = _NOTHING
        self.draw = self._draw(seed)
        self._restore()
        orders = {"lock": self._lock, "show": self._show, "again": self._again, "look": self._look}
        self.cards = Cards(self, orders)

    # ---- what a reader does ----------------------------------------------------------------------------

    def lock(self, answer: Any) -> None:
        """Lock an answer in: a choice or its letter, a number, an order. A second one changes nothing."""
        if self.answer is not None:
            return
        self.answer = self.kind.read(answer)
        self._keep(answer=self.answer, locked=progress.now(), right=None)
        self._judge()
        self._showing()

    def show(self) -> None:
        """Show what the run did, without a prediction."""
        if self.answer is None and not self.given_up:
            self.given_up = True
            self._keep(answer=None, shown=progress.now(), right=None)
        self._showing()

    def again(self) -> None:
        """Ask anew, with other numbers where the question has some: `draw` is another one."""
        self.draw = self._draw(self.draw.seed + 1)
        self.answer, self.given_up, self.trouble = None, False, ""
        self._observed, self.at, self.turn, self.words = _NOTHING, None, None, ""
        self._keep()
        self._showing()

    # ---- what a lesson does ----------------------------------------------------------------------------

    def reveal(self, observed: Any, *, at: Any = None, shows: Any = None) -> None:
        """Show the prediction beside what this run did, once one is locked in or "show me" was pressed.

        `observed` is one of the choices, or what is true of which, {"A": sent == 0, "B": sent > 0}; or a
        number; or the items in their order. `at` is the iteration (or its index) in which it can be seen.
        `shows` is whatever shows it, and stays folded until then.
        """
        self._observed = self.kind.seen(observed)
        self.turn = at if hasattr(at, "index") and not isinstance(at, int | Sequence) else None
        self.at = self.turn.index if self.turn is not None else at
        self._judge()
        self.cards.answer(shows)
        self._uncover()

    def also(self, shows: Any) -> None:
        """Show in this cell what answers the question as well; it stays folded as long as `reveal`'s does."""
        self.cards.also(shows)

    # ---- what is known ---------------------------------------------------------------------------------

    @property
    def question(self) -> str:
        """The question, with this instance's numbers."""
        return _filled(self._asked, vars(self.draw)) if self._numbers else self._asked

    @property
    def ran(self) -> bool:
        """Whether a run has answered this instance."""
        return self._observed is not _NOTHING

    @property
    def told(self) -> bool:
        """Whether the answer may be seen: a run has one, and the reader has predicted or given up."""
        return self.ran and (self.answer is not None or self.given_up)

    @property
    def right(self) -> bool | None:
        """Whether the answer is what the run did; None while one of them is missing."""
        if not self.ran or self.answer is None:
            return None
        return self.kind.right(self.answer, self._observed)

    @property
    def observed(self) -> Any:
        """What the run did; None before it ran."""
        return self._observed if self.ran else None

    @property
    def reason(self) -> str:
        """Why a run does what it did, and what a wrong answer took to be true."""
        texts = told(self.id)
        parts = [texts.reason]
        if self.right is False:
            parts.insert(0, self.kind.misconception(self.answer, self._observed, texts.wrong))
        return "\n\n".join(_filled(part, self._known()) for part in parts if part)

    def state(self) -> dict[str, Any]:
        """What the page may know: the answer is in `verdict`, which is None until it may be seen."""
        return {
            "id": self.id,
            "question": self.question,
            "kind": self.kind.name,
            **self.kind.card(f"{self.id} {self.draw.seed}"),
            "answer": self.answer,
            "said": "" if self.answer is None else self.kind.words(self.answer),
            "ran": self.ran,
            "told": self.told,
            "trouble": self.trouble,
            "again": "Ask again, with other numbers" if self._numbers else "Ask again",
            "verdict": self.verdict() if self.told else None,
        }

    def verdict(self) -> dict[str, Any]:
        """What is told after a run: both answers in words, whether they agree, why, and where to look."""
        return {
            "mine": "" if self.answer is None else self.kind.words(self.answer),
            "seen": self.kind.words(self.observed),
            "option": str(self.observed),
            "right": self.right,
            "reason": self.reason,
            "at": self.at,
            "words": self.words,
        }

    def settled(self) -> dict[str, Any]:
        """What this run did, and what is told of any answer: a page without a kernel judges by it."""
        texts, known = told(self.id), self._known()
        return {
            "value": self.kind.plain(self.observed),
            "seen": self.kind.words(self.observed),
            "reason": _filled(texts.reason, known),
            "wrong": {each: _filled(text, known) for each, text in texts.wrong.items()},
            "at": self.at,
            "explains": self.turn.explain() if self.turn is not None else None,  # the iteration, in words
        }

    def close(self) -> None:
        """Close the widgets; what was answered stays. No figure is covered for it any more."""
        self.cards.close()
        self.turn = None

    def __repr__(self) -> str:
        state = "not answered" if self.answer is None else f"answered {self.kind.words(self.answer)}"
        verdict = {True: ", right", False: ", wrong", None: ""}[self.right]
        return f"<prediction {self.id}: {state}{verdict}>"

    # ---- from the page --------------------------------------------------------------------------------

    def _lock(self, value: Any) -> None:
        try:
            self.trouble = ""
            self.lock(value)
        except ValueError as error:
            self.trouble = str(error)
            self.cards.show()

    def _show(self, _: Any) -> None:
        self.show()

    def _again(self, _: Any) -> None:
        self.again()

    def _look(self, _: Any) -> None:
        """Turn the figures of that tape to the iteration; where there is none, tell it in words."""
        from labkit.figure.live import LiveFigure

        at = self.at
        if at is None:
            return
        figures = [
            each
            for each in cells.made(LiveFigure)
            if not each.closed and (self.turn is None or self.answered_on(each.tape))
        ]
        for figure in figures:
            figure.order(lambda figure: figure.show(at))
        if not figures and self.turn is not None:
            self.words = self.turn.explain()
            self.cards.show()

    # ---- inside ----------------------------------------------------------------------------------------

    def _showing(self) -> None:
        self.cards.show()
        self._uncover()

    def _uncover(self) -> None:
        """Have the figures look again whether they may be seen."""
        live = sys.modules.get("labkit.figure.live")
        for figure in cells.made(live.LiveFigure) if live is not None else ():
            figure.order(lambda figure: figure)

    def _known(self) -> dict[str, Any]:
        """What stands in the texts by name."""
        return {**vars(self.draw), "observed": self.kind.words(self.observed)}

    def _draw(self, seed: int) -> SimpleNamespace:
        chance = random.Random(f"{self.id} {seed}")
        return SimpleNamespace(
            seed=seed, **{name: chance.choice(each) for name, each in self._numbers.items()}
        )

    def _judge(self) -> None:
        if self.right is not None:
            self._keep(right=self.right, told=progress.now())

    def _keep(self, **what: Any) -> None:
        """Write down what happened to this instance: it is the last of the question's tries."""
        here = {"seed": self.draw.seed, "from": self._first}

        def tried(before: Any) -> list[dict[str, Any]]:
            tries = [each for each in before if isinstance(each, dict)] if isinstance(before, list) else []
            same = bool(tries) and {key: tries[-1].get(key) for key in here} == here
            return [*tries[:-1], {**tries[-1], **what}] if same else [*tries, {**here, **what}]

        progress.change("prediction", self.id, tried)

    def _restore(self) -> None:
        """Go on where the reader left off."""
        tries = progress.read().get("prediction", {}).get(self.id)
        last = tries[-1] if isinstance(tries, list) and tries and isinstance(tries[-1], dict) else {}
        if last.get("from") != self._first or not isinstance(last.get("seed"), int):
            return
        self.draw = self._draw(last["seed"])
        self.given_up = "shown" in last
        if last.get("answer") is not None:
            try:
                self.answer = self.kind.read(last["answer"])
            except ValueError:  # the question has changed since
                self.answer = None


def _filled(text: str, known: dict[str, Any]) -> str:
    """{name} replaced by what is known by that name; every other brace stays."""
    return re.sub(r"\{(\w+)\}", lambda match: _said(known[match[1]]) if match[1] in known else match[0], text)


def _said(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


_guesses: dict[str, Guess] = {}
