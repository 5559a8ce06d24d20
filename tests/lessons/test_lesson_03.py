"""Lesson 03, select, poll and epoll: what its experiments observe.

The notebook is run once, as it is stored, in a fresh kernel, and asked at the end what its cells saw. Flags,
sequences and counts are asserted exactly. Of what was measured only the shape is: how curves grow, which of
two that were measured side by side is above the other. Never a time.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from ..helpers import ROOT
from .observing import AsItStands, curve, growth, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "03-select-poll-epoll.ipynb"

HELPERS = """
def _curves(sweep):
    return dict(values={name: list(sweep[name].items()) for name in sweep.curves}, ended=sweep.ended)
"""
ASK = """
    same=same, turns=len(tapes["select"]), answers=list(answers.items()), limit=limit,
    one_fd=list(one_fd.items()), idle=_curves(idle), memory=_curves(memory), busy=_curves(busy),
    share=_curves(share), overhead=_curves(overhead), c10k=_curves(c10k),
    held=[[flags([(_fd, held[_fd])], "EPOLL") if _fd in held else None for _fd in fd_of.values()]],
    triggered=list(triggered.items()), door=door, order=order, herd=herd, full=full,
    ghost=[ghost, [*ghost_held], removal, wrong, wrong_read, at_last], reuse=list(reuse.values()),
    most=most, watching=watching, memory_of_one=list(memory_of_one.values()),
    turned=[[int(e) for e in it.ready.values()] for it in tape],
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's")


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK, HELPERS)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(range(25, 37), 75)


@the_lesson
def test_the_tape_is_the_same_on_every_selector(seen):
    assert vars(seen.same) == {"select": True, "poll": True, "epoll": True}
    assert seen.turns == 6


@the_lesson
def test_s36_the_kernels_own_flags(seen):
    answers = dict(seen.answers)
    assert answers["never connected"] == ["RW", "POLLHUP POLLOUT", "EPOLLHUP EPOLLOUT"]
    assert answers["bytes to read"] == ["RW", "POLLIN POLLOUT", "EPOLLIN EPOLLOUT"]
    assert answers["no more will come"] == ["RW", "POLLIN POLLOUT", "EPOLLIN EPOLLOUT EPOLLRDHUP"]
    letters, poll, epoll = answers["reset"]
    assert letters == "RW"
    assert {"POLLERR", "POLLHUP", "POLLIN"} <= set(poll.split())
    assert {"EPOLLERR", "EPOLLHUP", "EPOLLIN", "EPOLLRDHUP"} <= set(epoll.split())


@the_lesson
def test_s25_the_limit_of_select_is_a_number_and_not_a_count(seen):
    if seen.limit <= 1024:
        pytest.skip(f"the fd limit is {seen.limit}: there is no fd 1024 here")
    (low, below), (high, above) = seen.one_fd
    assert (low, high) == (1023, 1024)
    assert vars(below) == dict.fromkeys(("select", "poll", "epoll"), "ready")
    assert (above.poll, above.epoll) == ("ready", "ready")
    assert above.select.startswith("ValueError")


@the_lesson
def test_s26_select_and_poll_go_through_all(seen):
    for name in ("select", "poll", "poll rebuilt"):
        assert growth(curve(seen.idle, name), 10, 900) > 10
    kept, rebuilt = curve(seen.idle, "poll"), curve(seen.idle, "poll rebuilt")
    assert rebuilt[300] > 1.3 * kept[300]


@the_lesson
def test_s26_beyond_the_caches_a_step_costs_more(seen):
    many, one = curve(seen.memory, "n sockets"), curve(seen.memory, "n fds of one socket")
    if max(many) < 5000:
        pytest.skip("the fd limit is too low to leave the caches")
    assert many[max(many)] > one[max(one)]


@the_lesson
def test_s27_epoll_and_a_change_to_it_do_not_grow_with_the_idle(seen):
    for name in ("epoll", "epoll_ctl"):
        assert growth(curve(seen.idle, name), 100, 20_000) < 4
    assert growth(curve(seen.idle, "poll"), 100, 20_000) > 8


@the_lesson
def test_s27_epoll_wait_grows_with_the_ready(seen):
    assert growth(curve(seen.busy, "epoll"), 10, 900) > 10
    assert growth(curve(seen.share, "epoll"), 3, 900) > 20
    assert growth(curve(seen.share, "poll"), 3, 900) < 4


@the_lesson
def test_s27_s34_the_interest_set_can_be_read_and_a_closed_fd_has_left_it(seen):
    assert seen.held == [["EPOLLERR EPOLLHUP EPOLLIN", "EPOLLERR EPOLLHUP EPOLLIN EPOLLOUT", None]]


@the_lesson
def test_s28_epoll_wins_with_idle_fds_and_not_with_active_ones(seen):
    idle, busy = seen.idle, seen.busy
    assert curve(idle, "epoll")[500] < curve(idle, "poll")[500] / 4
    assert curve(busy, "epoll")[500] > curve(busy, "poll")[500]


@the_lesson
def test_s75_asking_every_channel_costs_more_than_the_kernel(seen):
    overhead = seen.overhead
    last = max(curve(overhead, "asyncore"))
    assert curve(overhead, "asyncore")[last] > 1.5 * curve(overhead, "kernel's poll")[last]
    assert growth(curve(overhead, "asyncore"), 10, 480) > 5
    assert growth(curve(overhead, "EpollSelector"), 10, 480) < 3


@the_lesson
def test_s29_edge_triggered_strands_bytes(seen):
    triggered = {name: tuple(each) for name, each in seen.triggered}
    assert triggered["level"] == ([1976, 952, 0, 0, 0, 0], [0, 1, 2, 4])
    assert triggered["edge"] == ([1976, 1976, 1976, 1976, 953, 953], [0, 4])
    assert triggered["edge, until EAGAIN"] == ([0, 0, 0, 0, 0, 0], [0, 4])


@the_lesson
def test_s30_edge_triggered_strands_clients(seen):
    assert seen.door.level == [*range(49, 0, -1), *[0] * 11]
    assert seen.door.edge == [49] * 60


@the_lesson
def test_s35_what_was_reported_goes_to_the_end_of_the_list(seen):
    assert seen.order[:5] == [[0, 1], [2, 3], [4, 0], [1, 2], [3, 4]]
    assert seen.order[5:] == seen.order[:5]


@the_lesson
def test_s32_the_kernel_wakes_the_herd(seen):
    shared, exclusive = vars(seen.herd.shared), vars(seen.herd.exclusive)
    assert shared["got a client"] == exclusive["got a client"] == 100
    assert 100 <= shared["returned from epoll_wait"] <= shared["woken by the kernel"]
    assert shared["woken by the kernel"] > 400
    assert exclusive["woken by the kernel"] < 200


@the_lesson
def test_s31_emfile_spins_unless_it_is_cured(seen):
    assert seen.full.ignore.errno == 24
    assert seen.full.ignore.errors > 500
    assert seen.full.pause.errors == 1
    assert seen.full.spare.errors == 20
    assert vars(seen.full.spare)["hung up"] == 20


@the_lesson
def test_s33_a_duplicate_keeps_a_closed_fd_reported(seen):
    ghost, held, removal, wrong, wrong_read, at_last = seen.ghost
    ((fd, events),) = ghost
    assert fd >= 700
    assert events == 1
    assert held == [str(fd)] or held == [fd]
    assert removal == "EBADF"
    assert wrong == ghost
    assert wrong_read == "EAGAIN"
    assert at_last[0] == []
    assert not vars(at_last[1])


@the_lesson
def test_s34_a_number_that_is_used_again(seen):
    closed, again = map(vars, seen.reuse)
    assert closed == {"select": "EBADF", "poll": "POLLNVAL", "epoll": "nothing"}
    assert again == {"select": "readable", "poll": "POLLIN", "epoll": "nothing"}


@the_lesson
def test_c10k_one_echo_costs_the_same_among_thousands(seen):
    assert not seen.c10k.ended
    assert growth(curve(seen.c10k, "one echo"), 10, 10_000) < 4
    assert seen.watching == [seen.most + 2, seen.most + 2]  # the listener, and alice
    assert seen.turned == [[1]] * 10
    assert 100 < seen.memory_of_one[0] < 20_000
