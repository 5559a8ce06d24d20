"""A prediction of a lesson, put to a class: vote, discuss, vote again, run the lesson's own cell, reveal."""

from __future__ import annotations

import json
import select
from contextlib import ExitStack
from typing import Any

import nbformat
import pytest

from labkit import Channel, Lab, predict
from labkit.classroom.room import Room
from labkit.classroom.scripts import select_against_epoll
from labkit.classroom.wall import wall
from labkit.measure import Facts, pair

from ..helpers import NOTEBOOKS
from .test_room import Phone

LESSON = next(path for path in NOTEBOOKS if path.name.startswith("02"))


class Echo(Channel):
    def handle_read(self):
        self.write(self.recv(1024))


@pytest.fixture
def room():
    with Lab(Echo, selector="epoll") as lab, Room(lab) as room:
        yield room


@pytest.fixture
def cells() -> list[str]:
    """The lesson's cell that asks `02-lists`, and the next one, which runs the experiment."""
    code = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells if cell.cell_type == "code"]
    at = next(number for number, source in enumerate(code) if '"02-lists"' in source)
    return code[at : at + 2]


def vote(phones: list[Phone], round: int, choices: list[int]) -> None:
    for phone, choice in zip(phones, choices, strict=True):
        assert phone.post("/vote", number=1, round=round, choice=choice) == {"counted": True}


def heard(news: Any, word: str) -> bytes:
    told = b""
    while word.encode() not in told:
        told += news.recv(65_536)
    return told


def test_a_lesson_s_prediction_from_the_first_vote_to_what_the_run_did(room: Room, cells: list[str]):
    names: dict[str, Any] = {"predict": predict, "pair": pair, "select": select, "Facts": Facts}
    exec(cells[0], names)
    guess = names["lists"]
    phones = [Phone(room, f"student {n}") for n in range(10)]
    with ExitStack() as stack:
        news = [stack.enter_context(phone.listen()) for phone in phones]
        ballot = room.ask(guess)
        told = heard(news[0], '"open": true}')
        asked = json.loads(told[told.index(b"{") : told.index(b"}") + 1])
        assert asked["choices"][1] == "`here` readable, both writable" and asked["open"]
        vote(phones, 1, [0, 0, 0, 1, 1, 1, 1, 1, 2, 2])
        assert "5" not in wall(room).partition("have voted")[2], "nobody sees the votes of an open ballot"
        assert "10 of 10 have voted" in wall(room)
        room.close_vote()
        assert ballot.tally() == [3, 5, 2]
        assert ballot.advice() == "50% are right. Discuss with a neighbour, then vote again."
        room.ask_again()
        vote(phones, 2, [0, 1, 1, 1, 1, 1, 1, 1, 1, 2])
        room.close_vote()
        assert ballot.advice() == "80% are right. Run the experiment."
        with pytest.raises(RuntimeError, match="02-lists has not run yet"):
            room.reveal()
        assert select_against_epoll(room, 5).numbers["connections"] >= 10  # with the class's own sockets
        exec(cells[1], names)  # the lesson's experiment, which reveals what it did
        assert room.reveal() is ballot and ballot.answer == 1
        told = heard(news[0], "It was: `here` readable, both writable. ")
        assert guess.settled()["reason"][:20].encode() in told
    shown = wall(room)
    assert shown.count("<caption>") == 2 and "✓" in shown
    assert guess.settled()["reason"][-20:] in shown, "the wall says why"
    guess.close()


def test_a_number_is_voted_on_when_choices_are_given(room: Room):
    guess = predict("02-slow", "How long does he wait?", number="ms", within=2)
    with pytest.raises(ValueError, match="02-slow asks for a number"):
        room.ask(guess)
    ballot = room.ask(guess, ["20 ms", "200 ms"], expect="200 ms")
    assert (ballot.question, ballot.expect) == ("How long does he wait?", 1)
    with pytest.raises(RuntimeError, match="not run yet"):
        room.reveal()
    assert room.reveal("200 ms").answer == 1
    guess.close()


def test_what_ran_decides_what_is_right_and_a_question_of_one_s_own_is_revealed_by_hand(room: Room):
    guess = predict("02-lists", "Which are called what?", choices=["a", "b"])
    guess.reveal("a")
    assert room.ask(guess).expect == 0
    room.ask("Whose question is this?", ["mine", "yours"])
    with pytest.raises(RuntimeError, match="say what the experiment showed"):
        room.reveal()
    guess.close()
