"""Lesson 01, blocking and non-blocking: what its experiments observe.

The notebook is run once, as it is stored, in a fresh kernel, and asked at the end what its cells saw. Counts,
errors and orders are asserted exactly. What belongs to a machine (times, capacities, filesystems) is bounded.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ..helpers import ROOT
from .observing import AsItStands, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "01-blocking-and-nonblocking.ipynb"

HELPERS = """
def _plain(value):
    if hasattr(value, "wall_ns"):
        got = len(value.outcome) if isinstance(value.outcome, bytes) else value.outcome
        return [got, value.wall_ns, value.cpu_ns, value.sleeps]
    return value.decode("latin-1") if isinstance(value, bytes) else sorted(value)
def _calls(lab, name):
    return [[c.arg, c.result, c.errno] for it in lab.tape for c in it.calls if c.name == name]
_fd, = answered.accounts
"""
ASK = """
    queue=[waiting, taken, left], waited=waited,
    where={name: [str(w) for _, w in found] for name, found in threads.samples.items()}, slept_on=slept_on,
    plain=plain, insists=insists, blocking=blocking, partial=partial, full=full,
    duplicate=duplicate, afterwards=afterwards, surprise=surprise,
    timed=timed, flags_with_timeout=flags_with_timeout, once=once, flags_after_once=flags_after_once,
    file_reads=file_reads, called_ready=called_ready, refused=refused, without_disk=without_disk,
    drained=_calls(drain, "recv"), drained_adds_up=[drained.balance(fd) for fd in drained.accounts],
    to_the_end=to_the_end, datagram=[datagram, rest],
    sends=_calls(server, "send"), bob=bob.received,
    queues=answered.queues[_fd], adds_up=answered.balance(_fd), account=answered.accounts[_fd],
    limit=limit, fitted=fitted, too_many=too_many, exactly=exactly, complaints=list(complaints),
    refused_call=refused_call, answered_call=answered_call, rounds=rounds, heard=heard,
    half_close=[*half_close.outcomes, and_i.outcome],
    half_close_ends=[step.ends for step in half_close.steps],
    closed=closed.outcomes, closed_ends=[step.ends for step in closed.steps],
    child=[ended.returncode, ended.stdout],
    reset=reset.outcomes, reset_ends=[step.ends for step in reset.steps],
    module=socket.__name__,
"""


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK, HELPERS)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(range(1, 14))


@the_lesson
def test_bytes_wait_in_the_receive_queue(seen):
    assert seen.queue == [5, "hello", 0]


@the_lesson
def test_s01_a_blocking_recv_sleeps_and_uses_no_cpu(seen):
    got, wall, cpu, sleeps = seen.waited
    assert got == 5
    assert 0.25e9 < wall < 3e9
    assert cpu < wall / 20
    assert sleeps >= 1


@the_lesson
def test_s02_only_that_thread_sleeps_and_the_kernel_says_where(seen):
    sleeper, worker = seen.where.sleeper, seen.where.worker
    assert len(sleeper) >= 5
    assert sleeper.count(f"recvfrom on fd {seen.slept_on}") >= 0.8 * len(sleeper)
    assert worker.count("None") > max(sleeper.count("None"), 0.2 * len(worker))  # on a loaded machine too


@the_lesson
def test_s03_recv_returns_at_one_byte_and_waitall_fills(seen):
    assert seen.plain[0] == 10
    assert seen.insists[0] == 1000
    assert seen.insists[1] > 0.15e9 > seen.plain[1]


@the_lesson
def test_s03_a_blocking_send_takes_everything_and_a_non_blocking_one_what_fits(seen):
    assert seen.blocking[0] == 20_000_000
    assert seen.blocking[3] >= 1
    assert 0 < seen.partial[0] < 20_000_000
    assert seen.full[0] == "EAGAIN"


@the_lesson
def test_s04_the_flag_is_shared_by_dup_and_by_a_child(seen):
    assert seen.duplicate == [["O_NONBLOCK"], None]
    assert seen.afterwards == [[], 0.0]
    assert seen.surprise[0] == 5
    assert seen.surprise[1] > 0.15e9


@the_lesson
def test_s04_a_timeout_sets_the_flag_and_dontwait_is_for_one_call(seen):
    assert seen.timed[0] == "TimeoutError"
    assert seen.flags_with_timeout == ["O_NONBLOCK"]
    assert seen.once[0] == "EAGAIN"
    assert seen.flags_after_once == []


@the_lesson
def test_s05_a_file_is_always_ready_and_epoll_refuses_it(seen):
    assert seen.file_reads == ["0123", "456789", ""]
    assert seen.called_ready is True
    assert seen.refused == "EPERM"
    assert seen.without_disk in (4, "EAGAIN", "EOPNOTSUPP", "ENOTSUP")


@the_lesson
def test_s06_recv_returns_the_smaller_of_asked_and_there_then_eagain(seen):
    assert seen.drained == [[1024, 1024, 0], [1024, 1024, 0], [1024, 952, 0], [1024, None, 11]]
    assert seen.drained_adds_up == [True]
    assert seen.to_the_end == [1024, 1024, 952, 0]
    assert seen.datagram == [1024, "EAGAIN"]


@the_lesson
def test_s07_a_send_takes_what_fits_and_every_byte_is_somewhere(seen):
    first, *others = [result for _, result, errno in seen.sends if not errno]
    assert 0 < first < 50_000
    assert others
    assert first + sum(others) == seen.bob == 50_000
    recv_queue, _, write_buffer, send_queue = seen.queues
    peer_unread = seen.account[4]
    assert recv_queue == 0
    assert write_buffer + send_queue + peer_unread == 50_000
    assert seen.adds_up is True


@the_lesson
def test_s07_the_kernel_charges_memory_and_a_pipe_takes_all_or_nothing(seen):
    assert 0 < seen.fitted < seen.limit / 10
    assert seen.too_many[0] == "EAGAIN"
    assert seen.exactly[0] == 92


@the_lesson
def test_s08_sockets_have_no_read_and_the_module_is_hidden(seen):
    assert seen.complaints == ["socket.read()", "socket.write(b'x')", "socket.socket()"]
    assert seen.module == "socket"


@the_lesson
def test_s09_connect_is_in_progress_then_writable_then_tells_its_error_once(seen):
    assert seen.refused_call == ["EINPROGRESS", True, True, "ECONNREFUSED", 0]
    assert seen.answered_call == ["EINPROGRESS", False, True, 0, 0]


@the_lesson
def test_s10_an_ignored_end_of_file_spins(seen):
    assert seen.rounds > 100
    assert seen.heard == ""


@the_lesson
def test_s11_a_half_closed_end_still_receives(seen):
    assert seen.half_close == [None, "", 5, "I can", "EPIPE"]
    here = [ends.here[0] for ends in seen.half_close_ends]
    there = [ends.there[0] for ends in seen.half_close_ends]
    assert here == ["ESTABLISHED", *["CLOSE_WAIT"] * 4]
    assert there[0] == "ESTABLISHED"
    assert set(there[1:]) <= {"FIN_WAIT1", "FIN_WAIT2"}
    assert seen.half_close_ends[3].there[3] == 5  # bytes that wait


@the_lesson
def test_s12_the_first_send_after_a_close_succeeds_and_the_second_breaks(seen):
    assert seen.closed == [None, 3, "EPIPE"]
    assert [ends.here[0] for ends in seen.closed_ends] == ["ESTABLISHED", "CLOSE_WAIT", "CLOSE", "CLOSE"]
    assert [ends.there[0] for ends in seen.closed_ends] == ["ESTABLISHED", None, None, None]
    assert seen.child == [-13, ""]


@the_lesson
def test_s13_queued_bytes_outlive_a_reset_and_its_error_is_told_once(seen):
    assert seen.reset == [6, None, "queued", "ECONNRESET", ""]
    assert seen.reset_ends[2].here == ["CLOSE", True, True, 6]  # dead, readable, writable, 6 bytes
