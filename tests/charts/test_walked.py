"""Walked: a function's own text, with the lines that ran, in order, and what they changed."""

from __future__ import annotations

import pytest

from labkit.charts.walked import Walked
from labkit.trace import trace


def halves(number):
    steps = 0
    while number > 1:
        number = number // 2
        steps = steps + 1
    if steps < 0:
        return None
    return steps


def twice():
    return halves(4) + halves(1)


def refuses(number):
    if number:
        raise ValueError("<no>")


def tried():
    try:
        refuses(1)
    except ValueError:
        return refuses(0)


def by_text(walked):
    return {row.text.strip(): row for row in walked.rows}


def test_it_marks_what_ran_in_order_and_says_what_changed():
    rows = by_text(Walked(trace(halves, 4), halves))
    assert rows["def halves(number):"].then == "number = 4"
    assert rows["steps = 0"].ran == (1,) and rows["steps = 0"].then == "steps = 0"
    assert rows["number = number // 2"].ran == (3, 6)
    assert rows["return None"].ran == () and rows["return None"].then == ""
    assert rows["return steps"].then == "returns 2"


def test_each_call_is_a_walk_of_its_own():
    turn = trace(twice)
    first, second = Walked(turn, halves), Walked(turn, halves, 1)
    assert (first.calls, first.outcome, second.outcome) == (2, "returns 2", "returns 0")
    assert Walked(turn, halves, -1).outcome == "returns 0"
    with pytest.raises(ValueError, match="ran 2 times"):
        Walked(turn, halves, 2)
    with pytest.raises(ValueError, match="ran 0 times"):
        Walked(turn, refuses)


def test_an_exception_ends_a_call():
    turn = trace(tried)
    assert Walked(turn, refuses).outcome == "raises ValueError: <no>"
    assert Walked(turn, refuses, 1).outcome == "returns None"


def test_as_text_and_in_a_page_it_says_the_same_and_runs_nothing():
    walked = Walked(trace(tried), refuses)
    assert "1      if number:" in repr(walked) and "raises ValueError: <no>" in repr(walked)
    page = walked._repr_html_()
    assert "&lt;no&gt;" in page and "<no>" not in page
    assert page.count("<tr") == 1 + len(walked.rows)
