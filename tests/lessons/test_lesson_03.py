"""Lesson 03, what asking costs: what its experiments observe.

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

LESSON = ROOT / "notebooks" / "03-what-asking-costs.ipynb"

HELPERS = """
def _curves(sweep):
    return dict(values={name: list(sweep[name].items()) for name in sweep.curves}, ended=sweep.ended)
"""
ASK = """
    lines=servers.lines, echoed=list(echoed.values()), stories=list(stories.values()),
    answers=list(answers.items()), limit=limit,
    one_fd=list(one_fd.items()), idle=_curves(idle), far=_curves(far), memory=_curves(memory),
    busy=_curves(busy), share=_curves(share), overhead=_curves(overhead), c10k=_curves(c10k), held=held,
    notice=notice, heard=answer, watching=watching,
    turned=[[int(e) for e in it.ready.values()] for it in tape],
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's")


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK, HELPERS)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(range(25, 29), 36, 75)


@the_lesson
def test_both_servers_echo_and_the_one_on_epoll_is_half_as_long_again(seen):
    assert seen.echoed == [["hello", "served until the client left"]] * 2
    assert vars(seen.lines) == {"select": 12, "epoll": 18}


@the_lesson
def test_the_tape_is_the_same_on_every_selector(seen):
    assert len(seen.stories) == 3
    assert all(story == seen.stories[0] for story in seen.stories)
    assert seen.stories[0][2] == 5


@the_lesson
def test_s36_the_kernels_own_flags(seen):
    answers = dict(seen.answers)
    assert answers["never connected"] == ["RW", "POLLHUP POLLOUT", "EPOLLHUP EPOLLOUT"]
    assert answers["bytes to read"] == ["RW", "POLLIN POLLOUT", "EPOLLIN EPOLLOUT"]
    assert answers["peer will send no more"] == ["RW", "POLLIN POLLOUT", "EPOLLIN EPOLLOUT EPOLLRDHUP"]
    letters, poll, epoll = answers["peer has reset it"]
    assert letters == "RW"
    assert {"POLLERR", "POLLHUP", "POLLIN"} <= set(poll.split())
    assert {"EPOLLERR", "EPOLLHUP", "EPOLLIN", "EPOLLRDHUP"} <= set(epoll.split())
    assert answers["peer closed, bytes unread"] == [letters, poll, epoll]  # S13: a reset, too


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
    for name in ("select", "poll"):
        assert growth(curve(seen.idle, name), 10, 900) > 10
    kept, rebuilt = curve(seen.far, "poll"), curve(seen.far, "poll rebuilt")
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
        assert growth(curve(seen.far, name), 100, 20_000) < 4
    assert growth(curve(seen.far, "poll"), 100, 20_000) > 8


@the_lesson
def test_s27_epoll_wait_grows_with_the_ready(seen):
    assert growth(curve(seen.busy, "epoll"), 10, 900) > 10
    assert growth(curve(seen.share, "epoll"), 3, 900) > 20
    assert growth(curve(seen.share, "poll"), 3, 900) < 4


@the_lesson
def test_s27_the_interest_set_can_be_read(seen):
    assert seen.held == [
        "EPOLLERR EPOLLHUP EPOLLIN",
        "EPOLLERR EPOLLHUP EPOLLIN EPOLLOUT",
        "EPOLLERR EPOLLHUP EPOLLIN",
    ]


@the_lesson
def test_s28_epoll_wins_with_idle_fds_and_not_with_active_ones(seen):
    idle, busy = seen.idle, seen.busy
    assert curve(idle, "epoll")[300] < curve(idle, "poll")[300] / 3
    assert curve(busy, "epoll")[500] > curve(busy, "poll")[500]


@the_lesson
def test_s75_asking_every_channel_costs_more_than_the_kernel(seen):
    overhead = seen.overhead
    last = max(curve(overhead, "asyncore"))
    assert curve(overhead, "asyncore")[last] > 1.5 * curve(overhead, "kernel's poll")[last]
    assert growth(curve(overhead, "asyncore"), 10, 480) > 5
    assert growth(curve(overhead, "EpollSelector"), 10, 480) < 3


@the_lesson
def test_c10k_one_echo_costs_the_same_among_thousands(seen):
    ended = seen.c10k.ended  # a busy machine brings fewer
    assert not ended or "arrived within" in ended or "deadline" in ended
    on_epoll, on_poll = (curve(seen.c10k, name) for name in ("epoll", "poll"))
    assert growth(on_epoll, 10, 10_000) < 4
    assert on_poll[max(on_poll)] > 3 * on_epoll[max(on_epoll)]
    assert seen.turned == [[1]] * 10
    assert seen.watching[0] == seen.watching[1] >= 100


@the_lesson
def test_on_unix_select_takes_any_fd_and_calls_a_file_ready(seen):
    assert "Windows" in seen.notice
    assert seen.heard == [True, False, True]
