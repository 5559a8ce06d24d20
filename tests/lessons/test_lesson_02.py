"""Lesson 02, busy polling and select: what its experiments observe.

The notebook is run once, as it is stored, in a fresh kernel, and asked at the end what its cells saw. Lists,
sequences, errors, threads and counts are asserted exactly. CPU and times are only compared with each other.
"""

from __future__ import annotations

import errno
import signal
import sys
from statistics import median
from types import SimpleNamespace

import pytest

from ..helpers import ROOT
from .observing import AsItStands, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "02-busy-polling-and-select.ipynb"

HELPERS = """
def _plain(value):
    if hasattr(value, "wall_ns"):
        outcome = value.outcome
        outcome = outcome.decode() if isinstance(outcome, bytes) else outcome
        return [outcome, value.wall_ns, value.cpu_ns, value.sleeps]
    return sorted(value)
def _calls(it):
    return [[it.name(c.fd), c.name, c.result if c.name != "accept" else None, c.errno] for c in it.calls]
def _run(tape, echoes):
    calls = [c for it in tape for c in it.calls]
    ends = [it.index for it in tape if any(c.name == "recv" and c.result == 5 for c in it.calls)]
    return dict(
        calls=len(calls), wasted=sum(c.errno == errno.EAGAIN for c in calls), hellos=len(ends),
        echoes=echoes,
        asleep=sum(it.asleep_ns for it in tape), cpu=sum(it.cpu_ns for it in tape), dropped=tape.dropped,
        threads=len({it.thread for it in tape}), empty=sum(not it.ready for it in tape),
    )
def _held(lab):
    return [[it.queues[fd], it.accounts[fd], it.balance(fd)] for it in lab.tape for fd in it.accounts]
def _asked(lab):
    return [int(it.interest[fd]) for it in lab.tape for fd in it.accounts if fd in it.interest]
"""
ASK = """
    idle=_calls(idle), raced={name: _run(*run) for name, run in raced.items()},
    told=told, complaints=list(complaints.values()), waits=list(waits_of.items()),
    timeout=[each.wall_ns for each in slept_40],
    served=_calls(served), workers=[workers == {three.thread.ident}, len(started)],
    lying_there=lying_there, states=[str(w) for _, w in states.samples["labkit loop"]],
    told_readable=told_readable, reads=reads, urgent=[urgent, byte.decode()], after_reset=after_reset,
    resumed=resumed, ended=ended, noted=noted,
    waited=waited, longest=max(it.awake_ns for it in thinker.tape), rooms=rooms,
    echo=_held(echo), polite=_held(polite), asked=_asked(polite), stopped=stopped,
    lanes=lanes, writable=told_writable,
    bytes=[reader.sent, reader.received, all(it.balance(fd) for it in drained.tape if fd in it.accounts)],
    at_tcp=at_tcp, at_unix=at_unix, backlog=backlog,
    alarm=[str(__import__("signal").getsignal(14)), __import__("signal").getitimer(0)],
"""


WHOLE_MILLISECONDS = sys.version_info < (3, 15)  # so poll counts; later Pythons ask with ppoll(2)


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK, HELPERS, inner=dict)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(range(14, 25))
    ill = {"busy-polling": 1, "blocking": 1}


@the_lesson
def test_s14_an_idle_busy_iteration_is_one_eagain_a_socket(seen):
    assert sorted(seen.idle) == [
        ["alice", "recv", None, errno.EAGAIN],
        ["listener", "accept", None, errno.EAGAIN],
    ]


@the_lesson
def test_s14_every_server_answers_every_hello(seen):
    for run in seen.raced.values():
        assert len(run["echoes"]) == run["hellos"] == 15
        assert run["threads"] == 1
        assert run["dropped"] == 0


@the_lesson
def test_s14_select_makes_no_call_in_vain_and_the_others_do(seen):
    busy, nap, select = (seen.raced[name] for name in ("busy", "nap", "select"))
    assert select["calls"] == 31  # one accept, and a recv and a send for each hello
    assert select["wasted"] == select["empty"] == 0
    assert busy["calls"] - busy["wasted"] == nap["calls"] - nap["wasted"] == 31
    assert select["calls"] * 20 < busy["calls"]
    assert 10 < nap["wasted"] < busy["wasted"] / 5


@the_lesson
def test_s14_polling_costs_cpu_and_napping_costs_time(seen):
    busy, nap, select = (seen.raced[name] for name in ("busy", "nap", "select"))
    assert busy["cpu"] > 10 * select["cpu"]
    assert busy["cpu"] > 2 * nap["cpu"] > 2 * select["cpu"]
    assert busy["asleep"] < 0.3 * select["asleep"]
    assert median(nap["echoes"]) > 2 * median(select["echoes"])


@the_lesson
def test_s16_three_lists_and_a_timeout_return_three_lists(seen):
    assert seen.told == [["here"], ["here", "there"], []]
    first, second = (complaint.split(":")[0] for complaint in seen.complaints)
    assert (first, second) == ("TypeError", "ValueError")


@the_lesson
def test_s18_a_timeout_is_a_lower_limit_and_poll_counts_whole_milliseconds(seen):
    assert min(seen.timeout) >= 40e6
    waits = dict(seen.waits)
    for name, (came, wall, _, _) in waits.items():
        call, ms = name.removesuffix(" ms").split(", ")
        assert not any(came)
        assert wall >= float(ms) * 1e6
        if call == "poll" and float(ms) and sys.version_info < (3, 15):
            assert wall >= -(-float(ms) // 1) * 1e6
    if sys.version_info < (3, 15):
        assert waits["select, 0.1 ms"][1] < waits["poll, 0.1 ms"][1]
    assert {waits["select, 0 ms"][3], waits["poll, 0 ms"][3]} <= {0, None}


@the_lesson
def test_s15_the_existing_thread_makes_every_call(seen):
    assert seen.workers == [True, 1]
    for name in ("alice", "bob", "carol"):
        assert [call[1:] for call in seen.served if call[0] == name] == [["recv", 5, 0], ["send", 5, 0]]
    assert len(seen.served) == 6


@the_lesson
def test_s15_bytes_have_come_before_anybody_asks_and_the_thread_sleeps_in_select(seen):
    assert seen.lying_there == 5
    assert len(seen.states) > 5
    assert sum(state in ("pselect6", "select") for state in seen.states) > 0.7 * len(seen.states)


@the_lesson
def test_s17_the_second_reader_finds_nothing(seen):
    assert seen.told_readable == 2
    outcomes = [outcome for outcome, *_ in seen.reads.values()]
    assert outcomes == ["hello", "EAGAIN", "hello", "EAGAIN"]
    slept, at_once = seen.reads["blocking: second recv"], seen.reads["non-blocking: second recv"]
    assert slept[1] > 0.25e9 > at_once[1]
    assert at_once[3] in (0, None)


@the_lesson
def test_s19_select_goes_on_after_a_signal_unless_the_handler_raises(seen):
    assert seen.noted == ["the alarm"]
    assert seen.resumed[0] == [[], [], []]
    assert seen.resumed[1] >= 0.3e9
    assert seen.resumed[3] is None or seen.resumed[3] >= 2
    assert seen.ended[0] == "TimeoutError"
    assert 0.09e9 < seen.ended[1] < seen.resumed[1]
    assert seen.alarm == [str(signal.SIG_DFL), [0.0, 0.0]]


@the_lesson
def test_s20_the_third_list_is_out_of_band_data_and_a_reset_is_r_and_w(seen):
    assert seen.urgent == ["WX", "!"]
    assert seen.after_reset == "RW"


@the_lesson
def test_s21_a_slow_handler_keeps_everybody_waiting(seen):
    assert list(seen.waited) == ["alice", "bob", "carol"]
    assert seen.longest > 0.2e9
    assert seen.waited["alice"] < min(seen.waited["bob"], seen.waited["carol"])
    assert min(seen.waited["bob"], seen.waited["carol"]) > 50


@the_lesson
def test_s22_an_unwritable_socket_still_takes_bytes(seen):
    assert seen.rooms.keys() == {"tcp", "unix"}
    for room in seen.rooms.values():
        assert room["sent while writable"] > 0
        assert room["then still taken"] > 1024
    assert seen.rooms["unix"]["read until writable again"] > 1024


PLACES = ("unread", "send_queue", "write_buffer", "recv_queue", "unsent")


def standing(held: list) -> dict[str, list[int]]:
    """The bytes at each place, iteration by iteration."""
    rows = [(a[4], q[3], q[2], q[0], a[1]) for q, a, _ in held]
    return dict(zip(PLACES, map(list, zip(*rows, strict=True)), strict=True))


def filled(lane: list[int]) -> int:
    return next(at for at, count in enumerate(lane) if count)


@the_lesson
def test_s23_without_backpressure_the_write_buffer_takes_it_all(seen):
    assert all(adds_up for *_, adds_up in seen.echo)
    lanes = standing(seen.echo)
    assert filled(lanes["unread"]) < filled(lanes["send_queue"]) < filled(lanes["write_buffer"])
    assert not any(lanes["recv_queue"]) and not any(lanes["unsent"])
    growth = lanes["write_buffer"][filled(lanes["write_buffer"]) :]
    assert growth == sorted(growth)
    assert sum(lane[-1] for lane in lanes.values()) == 24 * 1024


@the_lesson
def test_s23_backpressure_fills_each_place_in_turn_back_to_the_sender(seen):
    assert all(adds_up for *_, adds_up in seen.polite)
    lanes = standing(seen.polite)
    order = [filled(lanes[place]) for place in PLACES]
    assert order == sorted(set(order))
    assert max(lanes["write_buffer"]) <= 1024
    assert seen.stopped < 200  # her kernel took no more, long before the cell would have given up
    assert seen.asked[0] == 1  # READ, until something is left to write; then WRITE only
    assert set(seen.asked) == {1, 2} and seen.asked[-1] == 2


@the_lesson
def test_s23_when_the_peer_reads_everything_arrives(seen):
    sent, received, adds_up = seen.bytes
    assert sent == received > 0
    assert adds_up
    assert [lane[-1] for lane in seen.lanes.values()] == [0] * 5
    assert 1 <= len(seen.writable) < received / 1024


@the_lesson
def test_s24_a_backlog_of_zero_lets_one_in(seen):
    assert seen.at_tcp == [True, False, False, False]
    assert seen.at_unix == ["connected", *["EAGAIN"] * 3]
    assert seen.backlog == [1, 0]
