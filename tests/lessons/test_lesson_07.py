"""Lesson 07, asyncore's traps: each is set off, and seen in the turn in which it happens.

Counts, sequences of calls and errors are asserted exactly; times only against each other.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ..helpers import ROOT
from .observing import AsItStands, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "07-asyncores-traps.ipynb"

HELPERS = """
def _ran(walked):
    return [row.text.strip() for row in walked.rows if row.ran]
def _rules(tape):
    return [each.rule for each in diagnose(tape)]
"""
ASK = """
    turns=list(turns.values()), spinning=_rules(spinning), slept=slept, poll=_ran(line_by_line),
    empty=[dict(sleeping[0].interest), dict(sleeping[0].ready)],
    thanked=list(thanked.items()), exactly=[(c.name, c.errno) for c in exactly[-1].calls],
    exactly_rules=_rules(exactly), exact_walk=exact_walk.outcome,
    took=list(took.values()), slow=list(verdict_of_a_slow_reader),
    growth=[growth.exponent("out_buffer + data"),
        growth["out_buffer + data"][4000], growth["bytearray"][4000]],
    delivered=n, eof=carl.eof, half_rules=_rules(half.tape),
    read=read, hang_up=[c.arg for c in lossy[0].calls if c.name == "readwrite"], lossy_rules=_rules(lossy),
    readwrite=_ran(Walked(hung_up, asyncore.readwrite)),
    ends=ends, served=served, missed=missed, mistaken_rules=_rules(mistaken),
    asyncio=[shouted.turns, len(shouted.tape), shouted.received.decode()],
    asyncore_asks=asyncore_asks, asyncio_asks=asyncio_asks,
    limits=__import__("resource").getrlimit(__import__("resource").RLIMIT_NOFILE),
    restored=[asyncore.select.__name__, "labkit" in str(asyncore.poll.__module__), dict(asyncore.socket_map)],
"""

EAGAIN = 11


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK, HELPERS)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(49, range(53, 60), 73, 74)
    ill = {
        "write-spin": 1,
        "exact-multiple": 2,
        "unbounded-buffer": 1,
        "half-close": 1,
        "lost-tail": 2,
        "wrong-handler": 1,
    }


@the_lesson
def test_it_leaves_the_module_as_it_was(seen):
    assert seen.restored == ["select", False, SimpleNamespace()]


@the_lesson
def test_s53_the_base_class_spins(seen):
    echo, plain = seen.turns
    assert plain > 50 and echo < 10
    assert "write-spin" in seen.spinning


@the_lesson
def test_s54_empty_lists_sleep_through_everything(seen):
    assert seen.slept >= 0.3 and seen.empty == [SimpleNamespace(), SimpleNamespace()]
    assert "time.sleep(timeout)" in seen.poll and "r, w, e = select.select(r, w, e, timeout)" not in seen.poll


@the_lesson
def test_s49_every_multiple_of_1024_is_closed(seen):
    assert [size for size, good in seen.thanked if not good] == [1024, 2048]
    assert [errno for name, errno in seen.exactly if name == "recv"] == [0, EAGAIN]
    assert [name for name, _ in seen.exactly][-3:] == ["handle_error", "handle_close", "close"]
    assert "exact-multiple" in seen.exactly_rules and seen.exact_walk.startswith("raises BlockingIOError")


@the_lesson
def test_s59_one_slow_reader_costs_the_square(seen):
    assert seen.took[2] > 5 * seen.took[0]
    exponent, copied, appended = seen.growth
    assert exponent > 1.4 and copied > 5 * appended
    assert "unbounded-buffer" in seen.slow


@the_lesson
def test_s56_a_half_close_cuts_the_reply(seen):
    assert 0 < seen.delivered <= 65_536 and seen.eof
    assert "half-close" in seen.half_rules


@the_lesson
def test_s55_poll2_closes_with_bytes_still_there(seen):
    arrived = vars(seen.read)
    assert [name for name, got in arrived.items() if got == 1024] == [
        "reset: poll2",
        "closed (AF_UNIX): poll2",
    ]
    assert sorted(arrived.values()) == [1024, 1024, 50_000, 50_000, 50_000, 50_000]
    assert seen.hang_up == [17] and "lost-tail" in seen.lossy_rules
    assert {"obj.handle_read_event()", "obj.handle_close()"} <= set(seen.readwrite)


@the_lesson
def test_s57_an_fd_of_1024_ends_the_loop_under_select(seen):
    assert "ValueError" in seen.ends.select and seen.ends.poll == "2 connections served"


@the_lesson
def test_s58_the_wrong_handler_is_called(seen):
    assert seen.served == ["<Meddling>", "<Newcomer>"] and seen.missed == [EAGAIN]
    assert "wrong-handler" in seen.mistaken_rules


@the_lesson
def test_s73_asyncio_waits_once_a_turn(seen):
    turns, waits, heard = seen.asyncio
    assert turns == waits and heard == "HELLO"


@the_lesson
def test_s74_both_ask_for_writable_only_while_something_waits(seen):
    for asks in (seen.asyncore_asks, seen.asyncio_asks):
        changes = sum(a != b for a, b in zip(asks, asks[1:], strict=False))
        assert asks[0] == asks[-1] == 0 and changes == 2 and sum(asks) > 3
