"""Lesson 04, traps of readiness: what its experiments observe.

The notebook is run once, as it is stored, in a fresh kernel, and asked at the end what its cells saw. Flags,
sequences and counts are asserted exactly; of what processes do to each other only the order of magnitude.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from ..helpers import ROOT
from .observing import AsItStands, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "04-traps-of-readiness.ipynb"

ASK = """
    sent=stranded.draw.n, left=quiet.queues[fd].recv_queue, more=more, left_now=left_now,
    asleep=[bool(it.ready) for it in edge.tape[1:5]], findings=[each.rule for each in findings],
    triggered=list(triggered.items()), waiting=waiting, order=order, shared=shared, exclusive=exclusive,
    failed=failed, failed_once=failed_once, spins=[each.rule for each in diagnose(spinning.tape)],
    ghost=[first_report, removal, second_report, wrong_read, at_last[0], len(at_last[1])],
    meant=[number, meant], reuse=list(reuse.values()),
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's")


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(range(29, 36))
    ill = {"stranded-data": 2, "stranded-backlog": 1, "emfile-spin": 1}


@the_lesson
def test_s29_edge_triggered_strands_bytes_until_one_more_arrives(seen):
    assert seen.left == seen.sent - 1024
    assert seen.asleep == [True, False, False, False]
    assert seen.more == 1024
    assert seen.left_now == seen.sent + 1 - 2048


@the_lesson
def test_s29_diagnose_names_what_was_stranded(seen):
    assert seen.findings == ["stranded-data"]


@the_lesson
def test_s29_until_eagain_is_the_cure(seen):
    triggered = {name: tuple(each) for name, each in seen.triggered}
    assert triggered["level"] == ([1976, 952, 0, 0, 0, 0], [1, 1, 1, 0, 1, 0])
    assert triggered["edge"] == ([1976, 1976, 1976, 1976, 953, 953], [1, 0, 0, 0, 1, 0])
    assert triggered["edge, until EAGAIN"] == ([0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 1, 0])


@the_lesson
def test_s30_edge_triggered_strands_clients_and_one_more_frees_one(seen):
    assert seen.waiting == [49, 49]


@the_lesson
def test_s35_what_was_reported_goes_to_the_end_of_the_list(seen):
    assert seen.order[:5] == [[0, 1], [2, 3], [4, 0], [1, 2], [3, 4]]
    assert seen.order[5:] == seen.order[:5]


@the_lesson
def test_s32_the_kernel_wakes_the_herd(seen):
    woken, reported, accepted = seen.shared
    assert accepted == 100 <= reported <= woken
    assert woken > 400
    woken, _, accepted = seen.exclusive
    assert accepted == 100
    assert woken < 200


@the_lesson
def test_s31_emfile_spins_unless_the_listener_pauses(seen):
    assert seen.failed == [24] * 30
    assert seen.failed_once == [24]
    assert seen.spins == ["emfile-spin"]


@the_lesson
def test_s33_a_duplicate_keeps_a_closed_fd_reported(seen):
    ((fd, events),), removal, wrong, wrong_read, at_last, held = seen.ghost
    assert fd >= 700
    assert events == 1
    assert removal == "EBADF"
    assert wrong == [[fd, events]]
    assert wrong_read == "EAGAIN"
    assert (at_last, held) == ([], 0)


@the_lesson
def test_s33_one_number_means_one_socket_to_you_and_another_to_epoll(seen):
    number, meant = seen.meant
    assert vars(meant) == {f"fd {number}": "other", f"epoll's entry {number}": "here"}


@the_lesson
def test_s34_a_number_that_is_used_again(seen):
    closed, again = seen.reuse
    assert closed == ["EBADF", "POLLNVAL", "nothing"]
    assert again == ["readable", "POLLIN", "nothing"]
