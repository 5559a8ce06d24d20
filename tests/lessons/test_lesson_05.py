"""Lesson 05, buffers and framing: what its experiments observe.

The notebook is run once, as it is stored, in a fresh kernel, and asked at the end what its cells saw. Bytes,
calls, errors and messages are asserted exactly. How many bytes a queue takes belongs to a machine: only the
order of such numbers is asserted. Of what was measured only the shape is.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labkit import kernel

from ..helpers import ROOT
from .observing import AsItStands, curve, growth, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "05-buffers-and-framing.ipynb"

HELPERS = """
def _curves(sweep):
    return dict(values={name: list(sweep[name].items()) for name in sweep.curves}, ended=sweep.ended)
_frames = next(iter(glued.accounts))
"""
ASK = """
    law=[under_way, between, [it.balance(fd) for it in turns]],
    held=[[*it.queues[fd], it.balance(fd)] for it in turns],
    asked=list(asked.values()), other=list(elsewhere.values()), full=list(sized.values()),
    alone=list(alone.values()), missing=missing, costs=list(asked_costs.values()),
    said=list(tried.values()), ran=list(ran.values()),
    cursor=[first.decode(), overwritten.decode(), begun.getvalue().decode()], hidden=hidden,
    readable=readable, no_fd=no_fd, received=received, answers=answers,
    replies=dora.recv().decode("latin-1"),
    waiting=[it.queues[_frames].read_buffer for it in pieces], good=good, splits=len(splits),
    promised=promised, answered_erin=answered_erin, closed_calls=closed_calls,
    broken=broken, healed=healed, race=_curves(race), copied=list(copied.items()),
    resize=resize, halves=_curves(halves), slower=slower, calls=list(recv_calls.items()),
    times=_curves(by_size),
"""


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK, HELPERS)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(range(37, 43), range(60, 67))


@the_lesson
def test_s60_no_byte_is_lost_between_the_queues(seen):
    under_way, queued, balance = seen.law
    assert under_way == queued
    assert balance == [True] * len(under_way)
    assert max(under_way) > 0
    assert under_way[-1] == 0


@the_lesson
def test_s60_every_one_of_the_four_buffers_holds_bytes_and_all_drain(seen):
    for place in range(4):
        lane = [held[place] for held in seen.held]
        assert max(lane) > 0
    recv_queue, read_buffer, write_buffer, send_queue, _ = seen.held[-1]
    assert (recv_queue, write_buffer, send_queue) == (0, 0, 0)
    assert max(held[1] for held in seen.held) < 400  # never a whole line


@the_lesson
@pytest.mark.skipif(not kernel.LINUX, reason="SIOCOUTQNSD is Linux's")
def test_s61_what_was_sent_is_unread_or_unsent(seen):
    sent, unread, queued, unsent = seen.asked
    assert sent == unread + unsent
    assert queued >= unsent


@the_lesson
@pytest.mark.skipif(not kernel.LINUX, reason="these are Linux's answers")
def test_s62_what_the_questions_mean_elsewhere(seen):
    unix, udp, listener, pipe = seen.other
    assert unix[0] == 1000
    assert unix[1] > 1000  # memory, not bytes
    assert udp[0] == 10
    assert listener == ["EINVAL", "EINVAL"]
    assert pipe == [7, "ENOTTY"]


@the_lesson
def test_s63_full_depends_on_the_pieces(seen):
    assert seen.full == sorted(seen.full)
    assert seen.full[0] < seen.full[-1]
    one, some, many = seen.alone
    assert one < some < many


@the_lesson
def test_s64_loopback_delivers_before_send_returns(seen):
    if seen.missing:
        pytest.skip(f"{seen.missing} of 20,000 bytes came later on this machine")


@the_lesson
@pytest.mark.skipif(not kernel.LINUX, reason="fdinfo is Linux's")
def test_s65_a_file_in_proc_costs_many_times_an_ioctl(seen):
    reused, *_, fdinfo = seen.costs
    assert fdinfo > 5 * reused


@the_lesson
def test_s37_text_and_bytes_are_two_things(seen):
    first, second, text, ok, binary = seen.said
    assert first.startswith("ModuleNotFoundError")
    assert second.startswith("ModuleNotFoundError")
    assert text.startswith("TypeError")
    assert (ok, binary) == ("5", "5")


@the_lesson
def test_s37_the_recipe_of_the_notes(seen):
    assert seen.ran == ["one\n", "two t", 0, "one\ntwo three\nfour"]


@the_lesson
def test_s38_pure_python_is_many_times_dearer(seen):
    assert seen.slower > 3


@the_lesson
def test_s39_one_cursor(seen):
    assert seen.cursor == ["HE", "HEzzO", "Xnit"]


@the_lesson
def test_s38_the_c_code_is_hidden_and_its_twin_is_not(seen):
    assert "built-in class" in seen.hidden
    assert seen.readable.lstrip().startswith("def write(self, b)")
    assert "self._pos" in seen.readable


@the_lesson
def test_s40_a_bytesio_has_no_fd(seen):
    assert seen.no_fd == "UnsupportedOperation: fileno"


@the_lesson
def test_s41_frames_arrive_glued_and_split(seen):
    assert seen.received == [23]
    assert seen.answers == [0] * 13 + [1]
    assert seen.replies == (
        "\0\0\0\x03ONE" "\0\0\0\x03TWO" "\0\0\0\x05THREE" "\0\0\0\nIN PIECES!"
    )  # fmt: skip
    assert seen.waiting == [*range(1, 14), 0]


@the_lesson
def test_a_frame_that_lies_is_waited_for_unless_there_is_a_cap(seen):
    assert seen.promised == 1_751_477_356
    assert seen.answered_erin is False
    assert seen.closed_calls == ["recv", "close"]


@the_lesson
def test_s41_every_split_point_gives_the_same_messages(seen):
    assert (seen.good, seen.splits) == (18, 18)


@the_lesson
def test_s41_a_character_that_is_cut_needs_an_incremental_decoder(seen):
    assert seen.broken == [3, 8, 9]
    assert seen.healed == ["naïve €"]


@the_lesson
def test_s42_cutting_after_each_message_copies_n_squared(seen):
    assert seen.copied == [[n, 60 * n * (n - 1)] for n in (500, 1000, 2000)]
    race = seen.race
    slow, once, array = (curve(race, name) for name in ("cut after each", "cut once", "bytearray"))
    assert slow[1500] > 3 * once[1500]
    assert slow[1500] > 3 * array[1500]
    assert growth(slow, 200, 1500) > 1.5 * growth(array, 200, 1500)


@the_lesson
def test_s42_a_window_copies_nothing_and_holds_the_size(seen):
    halves = seen.halves
    (copied,), (seen_through,) = curve(halves, "bytes").values(), curve(halves, "memoryview").values()
    assert copied > 10 * seen_through
    assert "cannot be re-sized" in seen.resize


@the_lesson
def test_t2_larger_pieces_are_fewer_calls_and_less_time(seen):
    calls = dict(map(tuple, seen.calls))
    assert calls[64] == 10 * 2**20 // 64 + 1  # and the one that says the end
    assert calls[65536] < calls[64] / 100
    times = curve(seen.times, "time")
    assert times[64] > 2 * min(times.values())
