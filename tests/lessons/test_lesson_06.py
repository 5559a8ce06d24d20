"""Lesson 06, reading asyncore while it runs: what its experiments observe, and that the notes are answered.

Counts, sequences of calls, states and errors are asserted exactly; times only against each other.
"""

from __future__ import annotations

import re
from types import SimpleNamespace

import nbformat
import pytest

from ..helpers import ROOT
from .observing import AsItStands, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "06-reading-asyncore.ipynb"

ASK = """
    timeouts=[loop_tape[0].timeout, poll_tape[0].timeout], in_map=joined_the_map,
    selectors=[loop_tape.about["selector"], poll_tape.about["selector"]],
    chain=[c.name for c in by_poll.tape[1].calls], chain2=[c.name for c in by_poll2.tape[1].calls],
    life=[[name, each] for name, each in life.items()], shown_as=shown_as,
    after_accept=after_accept, heard=heard, was_connecting=was_connecting,
    outgoing=[(c.name, c.errno) for c in outgoing[0].calls],
    tuple=[len(pair_of_two), nobody, complaint],
    rebinds=list(rebinds.values()),
    turns=[turns["dispatcher"], turns["dispatcher_with_send"]],
    slept=slept, empty=[dict(sleeping[0].interest), dict(sleeping[0].ready)],
    received=[[size, calls, got] for size, (calls, _, got) in received.items()],
    thanked=[[selector, size, good] for (selector, size), good in thanked.items()],
    exactly=[(c.name, c.errno) for c in exactly_1024[-1].calls], said=said,
    four=four.tape[-1].queues[four.tape[-1].calls[0].fd]._asdict(), peer_unread=alice.received,
    balance=[four.tape[-1].balance(fd) for fd in four.tape[-1].accounts],
    slice=slice_of_today, transmitted=[[name, *each] for name, each in transmitted.items()],
    growth=[growth.exponent("out_buffer + data"),
        growth["out_buffer + data"][4000], growth["bytearray"][4000]],
    half_closed=half_closed, arrived=arrived, hang_up=[c.arg for c in
        gone["AF_UNIX, closed", "poll2"][1][0].calls if c.name == "readwrite"],
    urgent=[[c.name for c in urgent_tape[0].calls], hurried.urgent.decode()],
    too_high=[too_high[False], too_high[True]],
    mistaken=[(c.name, c.errno) for c in mistaken[0].calls], called=called,
    asyncio=[asyncio_turns, len(asyncio_tape), asyncio_echo[0].decode(), len(waits)],
    asyncore_asks=asyncore_asks, asyncio_asks=asyncio_asks, first_sends=first_sends,
    today=list(today.values()), rlimit=resource.getrlimit(resource.RLIMIT_NOFILE) == limit,
    restored=[asyncore.select.__name__, "labkit" in str(asyncore.poll.__module__), dict(asyncore.socket_map)],
"""

EAGAIN, EINPROGRESS = 11, 115
# Every attribute, method and function that the notes quote from asyncore's source.
QUOTED = re.findall(
    r"\w+",
    """
    debug connected accepting connecting closing addr ignore_log_types __init__ __repr__ __str__ add_channel
    del_channel create_socket set_socket set_reuse_addr readable writable listen bind connect accept send recv
    close __getattr__ log log_info handle_read_event handle_connect_event handle_write_event handle_expt_event
    handle_error handle_expt handle_read handle_write handle_connect handle_accept handle_close initiate_send
    out_buffer readwrite loop poll poll2 socket_map dispatcher dispatcher_with_send select _exception
""",
)


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(range(43, 45), range(46, 60), 73, 74)  # S45 is lesson 08's


def test_everything_that_the_notes_quote_is_visited():
    text = "\n".join(cell.source for cell in nbformat.read(LESSON, as_version=4).cells)
    assert not [name for name in QUOTED if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]


@the_lesson
def test_it_leaves_the_modules_and_the_fd_limit_as_they_were(seen):
    assert seen.rlimit
    assert seen.restored == ["select", False, SimpleNamespace()]


@the_lesson
def test_loop_and_who_calls_what(seen):  # S43, S44
    assert seen.timeouts == [30.0, 30.0] and seen.selectors == ["select", "poll"] and seen.in_map
    rest = ["handle_read_event", "handle_read", "recv", "initiate_send", "send"]
    assert seen.chain == ["read", *rest]
    assert seen.chain2 == ["readwrite", *rest]
    assert seen.urgent == [["_exception", "handle_expt_event", "handle_expt", "recv", "close"], "!"]


@the_lesson
def test_the_life_of_a_dispatcher(seen):  # S50, S51
    life = {name: vars(each) for name, each in seen.life}
    true = {name: {key for key, value in each.items() if value is True} for name, each in life.items()}
    assert true == {"newborn": set(), "listening": {"accepting"}, "accepted": {"connected"}, "closed": set()}
    assert life["closed"]["_fileno"] is None and life["listening"]["_fileno"] is not None
    assert "connected 127.0.0.1" in seen.shown_as
    assert seen.after_accept == [] and seen.heard == ["client"] and seen.was_connecting
    assert seen.outgoing[0] == ["connect", EINPROGRESS]
    names = [name for name, _ in seen.outgoing]
    assert names[1:5] == ["write", "handle_write_event", "handle_connect_event", "handle_connect"]
    assert seen.tuple[:2] == [2, None] and "NoneType" in seen.tuple[2]


@the_lesson
def test_set_reuse_addr(seen):  # S52
    assert seen.rebinds == ["EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "fine", "EADDRINUSE"]


@the_lesson
def test_who_asks_for_writing(seen):  # S53, S54
    plain, with_send = seen.turns
    assert plain > 100 and with_send < 10
    assert seen.slept >= 0.3 and seen.empty == [SimpleNamespace(), SimpleNamespace()]


@the_lesson
def test_reading(seen):  # S48, S49
    calls = {size: calls for size, calls, _ in seen.received}
    assert {got for _, _, got in seen.received} == {4_000_000}
    assert all(calls[size] >= 4_000_000 / size for size in calls)
    assert calls[256] > 10 * calls[4096]
    for _, size, good in seen.thanked:
        assert good == bool(size % 1024), size
    names = [name for name, _ in seen.exactly]
    assert [errno for name, errno in seen.exactly if name == "recv"] == [0, EAGAIN]
    assert names[-3:] == ["handle_error", "handle_close", "close"]
    assert seen.said[0] == "info: sending b'hello'" and len(seen.said) == 3


@the_lesson
def test_four_buffers(seen):  # S46
    assert all(vars(seen.four).values())  # every one of the four holds something
    assert seen.balance == [True] and seen.peer_unread >= 0


@the_lesson
def test_the_slice(seen):  # S47, S59
    assert "65536" in seen.slice and "512" not in seen.slice
    sent = {name: (turns, copied, ms) for name, turns, copied, ms in seen.transmitted}
    assert sent["512"][0] >= 4_000_000 / 512 and sent["512"][0] > 50 * sent["65,536"][0]
    assert sent["512"][1] > 10e9 and sent["512"][1] > 50 * sent["65,536"][1]
    assert sent["512"][2] > 5 * sent["65,536"][2]
    assert sent["512, memoryview"][1] == 0 and sent["512, memoryview"][2] < sent["512"][2]
    exponent, copied, appended = seen.growth
    assert exponent > 1.4 and copied > 5 * appended


@the_lesson
def test_ends(seen):  # S55, S56
    received, eof = seen.half_closed
    assert 0 < received <= 65_536 and eof  # one slice of 8 MB
    arrived = vars(seen.arrived)
    assert [each for each in arrived if arrived[each] == 1024] == [
        "TCP, reset: poll2",
        "AF_UNIX, closed: poll2",
    ]
    assert sorted(arrived.values()) == [1024, 1024, 50_000, 50_000, 50_000, 50_000]
    assert seen.hang_up == [17]


@the_lesson
def test_numbers_that_are_too_high_or_somebody_elses(seen):  # S57, S58
    assert seen.too_high[0].startswith("ValueError") and seen.too_high[1] == "fine"
    assert seen.called == ["Newcomer.handle_read"]
    assert [errno for name, errno in seen.mistaken if name == "recv"] == [0, EAGAIN]


@the_lesson
def test_asyncio_beside_it(seen):  # S73, S74
    turns, waits, echo, lines = seen.asyncio
    assert turns == waits and echo == "hello" and lines == 1
    for asks in (seen.asyncore_asks, seen.asyncio_asks):
        changes = sum(a != b for a, b in zip(asks, asks[1:], strict=False))
        assert asks[0] == asks[-1] == 0 and changes == 2 and sum(asks) > 3
    assert seen.first_sends == ["recv", "send"]


@the_lesson
def test_what_has_changed(seen):
    assert seen.today == [True, False, True, False, True, False]
