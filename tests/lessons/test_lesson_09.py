"""Lesson 09, from asyncore to asyncio: what its experiments observe.

The notebook is run once, as it is stored, in a fresh kernel, and asked at the end what its cells saw. Turns,
calls and what was ready are asserted exactly; times are bounded by what the experiment itself asked for.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ..helpers import ROOT
from .observing import AsItStands, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "09-from-asyncore-to-asyncio.ipynb"

ASK = """
    calls=[calls_of(with_callbacks), calls_of(with_coroutines)],
    callbacks=[[turn.timeout, list(turn.ready), list(turn.calls)] for turn in beside["callbacks"]],
    coroutines=[[turn.timeout, list(turn.ready), list(turn.calls)] for turn in beside["coroutines"]],
    parts=with_callbacks.diff(with_coroutines).kind,
    handed_out=handed_out is future, returned=returned,
    quiet=[[it.timeout, it.asleep_ns] for it in sleeps],
    together=together, chained=chained, chain_timeouts=[turns[at].timeout for at in chained[:-1]],
    timeouts=timeouts, slept_for=[it.asleep_ns for it in timed if it.timeout != 0],
    unbounded=peaks[False], bounded=peaks[True],
    stalls=len(flight["stalls"]), stall=stall,
    slept=[slept.timeout, slept.asleep_ns], woken_by=woken_by, longest_awake=longest_awake,
    own=[len(own_loop), len(own_loop_blocked)],
"""
TALK = [["recv", 3], ["send", 3], ["recv", 3], ["send", 3], ["recv", 5], ["send", 5], ["recv", 0]]


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(range(76, 85))


@the_lesson
def test_s76_callbacks_and_coroutines_make_the_same_calls(seen):
    assert seen.calls == [TALK, TALK]
    assert seen.parts == "called"


@the_lesson
def test_s76_the_callback_answers_in_the_turn_and_the_coroutine_in_the_next(seen):
    assert [called for _, _, called in seen.callbacks][:3] == [
        ["recv 3", "send 3"],
        ["recv 3", "send 3"],
        ["recv 5", "send 5"],
    ]
    receiving, sending = seen.coroutines[0:6:2], seen.coroutines[1:6:2]
    assert [called for _, _, called in receiving] == [["recv 3"], ["recv 3"], ["recv 5"]]
    assert [called for _, _, called in sending] == [["send 3"], ["send 3"], ["send 5"]]
    assert [timeout for timeout, _, _ in sending] == [0, 0, 0]
    assert not any("client" in ready for _, ready, _ in sending[:2])


@the_lesson
def test_s77_await_hands_the_future_to_whoever_runs_the_coroutine(seen):
    assert seen.handed_out
    assert seen.returned == 42


@the_lesson
def test_s78_a_thousand_tasks_are_one_sleep(seen):
    ((timeout, asleep),) = seen.quiet
    assert 0.2 < timeout <= 0.301
    assert asleep >= 0.9 * timeout * 1e9


@the_lesson
def test_s79_what_is_put_in_together_is_one_turn_and_a_chain_is_a_hundred(seen):
    assert len(seen.together) == 100
    assert len(set(seen.together)) == 1
    assert seen.chained == list(range(seen.chained[0], seen.chained[0] + 100))
    assert set(seen.chain_timeouts) == {0}


@the_lesson
def test_s80_three_timers_are_three_timeouts_of_select(seen):
    assert len(seen.timeouts) == 3
    assert all(0 < timeout <= 0.101 for timeout in seen.timeouts)
    for timeout, asleep in zip(seen.timeouts, seen.slept_for, strict=True):
        assert asleep >= 0.9 * timeout * 1e9


@the_lesson
def test_s81_write_keeps_everything_and_drain_keeps_it_to_the_mark(seen):
    assert 900_000 < seen.unbounded < 1_000_000
    assert 65_536 < seen.bounded <= 65_536 + 1000


@the_lesson
def test_s82_the_recorder_names_the_line_that_blocks_and_who_waited(seen):
    assert seen.stalls == 1
    assert seen.stall.culprit.function == "load_report"
    assert seen.stall.culprit.line == 5
    assert seen.stall.ns >= 0.25e9
    assert "(serve)" in seen.stall.task
    assert list(vars(seen.stall.waited).values()) == [len("hello\n")]


@the_lesson
def test_s83_a_byte_on_the_self_pipe_ends_a_sleep_that_had_no_timeout(seen):
    timeout, asleep = seen.slept
    assert timeout is None
    assert asleep >= 0.25e9
    assert seen.woken_by == ["self-pipe"]
    assert seen.longest_awake < 0.25e9


@the_lesson
def test_s84_the_kernels_loop_turns_while_a_cell_awaits_and_not_while_it_blocks(seen):
    awaiting, blocking = seen.own
    assert awaiting >= 1
    assert blocking == 0
