"""Which question a figure would answer: it is covered until that question may be told.

A lesson that runs from top to bottom asks, runs and shows before its reader has said a word. It knows what
was asked and tapes; how a figure is covered (controls.js), and how a question is told, it does not know.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod

from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape


class Question(ABC):
    """What was asked. `turn` is the iteration that answers it, after a run."""

    id = ""
    turn: Iteration | None = None

    def __init__(self) -> None:
        _asked[self] = None

    @property
    @abstractmethod
    def told(self) -> bool:
        """Whether the answer may be seen."""

    @abstractmethod
    def show(self) -> None:
        """Let the answer be seen, without a prediction."""

    def answered_on(self, tape: Tape) -> bool:
        """Whether the iteration that answers it is on `tape`."""
        try:
            return self.turn is not None and tape.iteration(self.turn.index) == self.turn
        except IndexError:
            return False


def asked_of(tape: Tape) -> Question | None:
    """The question that `tape` answers, and that may not be told yet; the one that was asked first."""
    return next((each for each in list(_asked) if not each.told and each.answered_on(tape)), None)


_asked: weakref.WeakKeyDictionary[Question, None] = weakref.WeakKeyDictionary()
