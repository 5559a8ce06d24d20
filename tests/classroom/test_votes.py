"""Questions, votes and who may cast them: data only."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.classroom.limits import Limits
from labkit.classroom.roll import Refused, Roll, printable
from labkit.classroom.votes import Ballot

CHOICES = ("b''", "EAGAIN", "it sleeps")


def a_ballot(**options) -> Ballot:
    return Ballot(1, "What does recv return?", CHOICES, **options)


def test_a_vote_that_is_sent_twice_counts_once_and_a_changed_one_moves():
    ballot = a_ballot()
    assert ballot.vote("ann", 1, 0) and not ballot.vote("ann", 1, 0)
    assert ballot.tally() == [1, 0, 0]
    ballot.vote("ann", 1, 2)
    assert ballot.tally() == [0, 0, 1]


def test_a_closed_vote_takes_no_more_and_the_second_round_starts_empty():
    ballot = a_ballot()
    ballot.vote("ann", 1, 0)
    ballot.open = False
    with pytest.raises(Refused, match="closed"):
        ballot.vote("bob", 1, 0)
    ballot.again()
    with pytest.raises(Refused, match="closed"):
        ballot.vote("bob", 1, 0)  # a phone that has not heard of the second round
    ballot.vote("bob", 2, 1)
    assert ballot.tally(0) == [1, 0, 0] and ballot.tally(1) == [0, 1, 0]


@pytest.mark.parametrize("choice", [-1, 3, 10**9])
def test_a_choice_that_is_none_is_refused(choice):
    with pytest.raises(Refused, match="choose 0 to 2"):
        a_ballot().vote("ann", 1, choice)


@pytest.mark.parametrize(
    ("right", "wrong", "advice"),
    [
        (0, 0, "Nobody"),
        (34, 66, "Explain"),
        (35, 65, "Discuss"),
        (70, 30, "Discuss"),
        (71, 29, "Run"),
    ],
)
def test_between_35_and_70_percent_right_the_class_discusses(right, wrong, advice):
    ballot = a_ballot(expect=1)
    for n in range(right + wrong):
        ballot.vote(str(n), 1, 1 if n < right else 0)
    assert advice in ballot.advice()


def test_without_an_expectation_split_votes_are_discussed():
    ballot = a_ballot()
    for n in range(10):
        ballot.vote(str(n), 1, n % 3)
    assert "Discuss" in ballot.advice()


def test_what_phones_are_told_has_no_votes_and_no_answer():
    ballot = a_ballot(expect=1)
    ballot.vote("ann", 1, 1)
    told = ballot.for_students()
    assert told == {"kind": "question", "number": 1, "round": 1, "question": ballot.question,
                    "choices": list(CHOICES), "open": True}  # fmt: skip


def test_what_is_saved_is_anonymous_unless_names_are_given():
    ballot = a_ballot()
    ballot.vote("secret-token", 1, 1)
    assert "secret-token" not in str(ballot.as_saved()) and ballot.as_saved()["rounds"] == [[0, 1, 0]]
    assert ballot.as_saved({"secret-token": "ann"})["votes"] == [{"ann": 1}]


@pytest.mark.parametrize("choices", [(), ("one",), ("same", "same")])
def test_a_question_needs_two_different_choices(choices):
    with pytest.raises(ValueError, match="at least two"):
        Ballot(1, "?", choices)


def test_only_the_code_lets_in_and_names_are_told_apart():
    roll = Roll(Limits(), "ABC23")
    with pytest.raises(Refused, match="not the code") as refused:
        roll.join("ABC24", "ann")
    assert refused.value.status == 403
    names = [roll.join(" abc23 ", "ann").name for _ in range(3)]
    assert names == ["ann", "ann 2", "ann 3"]


def test_who_comes_twice_with_one_ticket_is_one_student():
    roll = Roll(Limits(), "ABC23")
    assert roll.join("ABC23", "ann", ticket="t") is roll.join("ABC23", "ann", ticket="t")
    assert len(roll.students) == 1


def test_the_room_is_full_and_guessing_codes_ends():
    roll = Roll(Limits(students=1, wrong=3), "ABC23")
    roll.join("ABC23", "ann")
    with pytest.raises(Refused, match="full"):
        roll.join("ABC23", "bob")
    statuses = []
    for _ in range(5):
        with pytest.raises(Refused) as refused:
            roll.join("WRONG", "eve", "192.0.2.9", now=1.0)
        statuses.append(refused.value.status)
    assert statuses == [403, 403, 403, 429, 429]


def test_requests_are_counted_in_a_window_that_moves_on():
    roll = Roll(Limits(window=10))
    for _ in range(3):
        roll.often("ann", 0.0, 3)
    with pytest.raises(Refused) as refused:
        roll.often("ann", 9.9, 3)
    assert refused.value.status == 429
    roll.often("ann", 10.0, 3)
    roll.forget_quiet(100.0)
    assert not roll._asked


@given(st.text(max_size=200))
def test_any_name_becomes_one_line_that_any_screen_shows(text):
    name = printable(text, 24)
    assert len(name) <= 24 and name == name.strip() and "\n" not in name
    name.encode("utf-8")  # no lone surrogate
    assert all(each.isprintable() for each in name)


def test_accents_stay_and_heaps_of_them_do_not():
    assert printable("Zoe\u0308", 24) == "Zoë"
    assert printable("z" + "\u0301" * 50 + "o", 24) == "ź\u0301\u0301o"
    assert printable(" \u0301\u0301ann \u0301b", 24) == "ann b", "a mark sits on a letter, or nowhere"
    for name in ("प्रिया", "ที่รัก", "שָׁלוֹם", "李小龍", "Nguyễn"):
        assert printable(name, 24) == unicodedata.normalize("NFC", name)
    assert printable("a\u202eb\x1b[31mc\ud800", 24) == "ab [31mc"


@pytest.mark.parametrize("field", ["connections", "body", "head_s"])
def test_a_limit_of_nothing_is_refused(field):
    with pytest.raises(ValueError, match=field):
        Limits(**{field: 0})
