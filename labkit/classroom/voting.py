"""A prediction of a lesson, put to a class: what there is to vote on, and what the lesson knows of it.

It knows predictions and ballots, and neither sockets nor phones.
"""

from __future__ import annotations

from typing import Any

from labkit.classroom.votes import Ballot
from labkit.teaching.answers import Choices
from labkit.teaching.predict import Guess
from labkit.teaching.questions import told


def choices(guess: Guess) -> list[str]:
    """What can be voted for. ValueError for a number or an order, which nobody can press a button for."""
    if not isinstance(guess.kind, Choices):
        raise ValueError(f"{guess.id} asks for a {guess.kind.name}: say what to choose from, choices=[…]")
    return [str(option) for option in guess.kind.options]


def expected(guess: Guess, expect: Any) -> Any:
    """The choice that decides what is advised: the teacher's own; what a run did; or the one left over.

    A lesson has a text for every wrong choice, so that the only one without a text is the right one. None if
    nothing is known.
    """
    if expect is not None or not isinstance(guess.kind, Choices):
        return expect
    texts = choices(guess)
    if guess.ran:
        seen = guess.kind.plain(guess.observed)
        return seen if seen in texts else None
    left = [text for text in texts if text not in told(guess.id).wrong]
    return left[0] if len(left) == 1 else None


def observed(ballot: Ballot) -> Any:
    """What the run of the ballot's prediction did. RuntimeError if it is none, or has not run."""
    guess = ballot.prediction
    if guess is None:
        raise RuntimeError("say what the experiment showed: room.reveal(choice)")
    if not guess.ran:
        raise RuntimeError(f"{guess.id} has not run yet: run the experiment's cell, which reveals it, first")
    return guess.kind.plain(guess.observed)


def why(ballot: Ballot) -> str:
    """The lesson's reason, once its run has shown it; nothing for a question of the teacher's own."""
    guess = ballot.prediction
    return str(guess.settled()["reason"]) if guess is not None and guess.ran else ""
