"""Lesson 00, start here: what its runs did, which its readers have predicted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ..helpers import ROOT
from .observing import AsItStands, observe, the_lesson

LESSON = ROOT / "notebooks" / "00-start-here.ipynb"
ASK = """
    one=one.queues[first.loop and max(one.queues)], said=said, ready=ready, places=[unread, queued, waiting],
    balanced=[stuck.balance(fd) for fd in stuck.accounts], received=dave.received,
    asked=asked, left=left, made=made, slept=slept, worked=worked, served=served, gone=gone,
    errors=[what for _, what in after.errors], words=tape[5].explain(),
"""


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = ()


@the_lesson
def test_a_step_takes_eight_bytes_and_an_unfinished_line_no_answer(seen):
    recv_queue, read_buffer, *_ = seen.one
    assert (recv_queue, read_buffer, seen.said) == (3, 8, "")


@the_lesson
def test_one_question_hears_of_both(seen):
    assert sorted(seen.ready) == ["bob", "carol"]


@the_lesson
def test_a_peer_that_does_not_read_fills_three_places(seen):
    assert all(seen.places) and sum(seen.places) == seen.received == 12_000
    assert seen.balanced == [True]
    assert seen.asked[1:] == seen.left[:-1] and 0 < sum(seen.asked) < len(seen.asked)


@the_lesson
def test_a_loop_with_nothing_to_do_sleeps(seen):
    assert seen.made <= 2
    assert seen.slept > 400 > 10 * seen.worked


@the_lesson
def test_a_loop_outlives_a_handler(seen):
    assert seen.served and seen.gone
    assert seen.errors == ["ZeroDivisionError: division by zero"]
    assert "carol: recv(8) → 0 bytes" in seen.words
