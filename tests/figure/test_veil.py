"""A figure that would answer an open question is covered, until it is told or the reader gives it up."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit import Channel, Lab, LiveFigure, predict
from labkit.figure.veil import asked_of
from labkit.teaching import progress

from .test_live import Page, lab, page, pages, press, soon

__all__ = ["lab", "page", "pages"]


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(progress, "_remembered", {})


def test_a_figure_is_covered_from_the_run_to_the_answer(lab: Lab, page: Page):
    guess = predict("99-veil", "What comes?", choices=["nothing", "hello"])
    it = lab.step(2)
    soon(lambda: page.state["last"] == 1)
    assert page.state["asks"] is None, "nothing has answered it yet"
    guess.reveal("hello", at=it)
    soon(lambda: page.state["asks"] == "99-veil")
    guess.lock("A")
    soon(lambda: page.state["asks"] is None)
    guess.again()
    assert asked_of(lab.tape) is None, "it is open again, and no run has answered it"


def test_show_me_on_the_cover_gives_the_question_up(lab: Lab, page: Page):
    guess = predict("99-veil", "What comes?", choices=["nothing", "hello"])
    guess.reveal("hello", at=lab.step(2))
    soon(lambda: page.state["asks"] == "99-veil")
    press(page, "show me")
    soon(lambda: page.state["asks"] is None)
    assert guess.told and guess.answer is None


def test_only_a_tape_that_holds_the_answering_iteration_is_covered(lab: Lab):
    lab.step(2)
    asked = predict("99-veil", "?", choices=[1, 2])
    asked.reveal(1, at=lab.tape[1])
    by_number = predict("99-number", "?", choices=[1, 2])
    by_number.reveal(1, at=1)
    assert asked_of(lab.tape) is asked
    with Lab(Channel) as other:
        other.step(2)
        assert asked_of(other.tape) is None
    asked.lock(1)
    assert asked_of(lab.tape) is None


def test_a_question_that_is_asked_anew_covers_nothing_for_its_first_self(lab: Lab):
    first = predict("99-veil", "?", choices=[1, 2])
    first.reveal(1, at=lab.step(2))
    again = predict("99-veil", "?", choices=[1, 2])
    assert asked_of(lab.tape) is None and first.turn is None
    again.reveal(1, at=lab.tape[1])
    assert asked_of(LiveFigure(lab).tape) is again
