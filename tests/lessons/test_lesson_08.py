"""Lesson 08, a server for remote calls on asyncore: what its experiments observe.

Rates are never asserted, only ratios; counts and sequences of calls are.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ..helpers import ROOT
from .observing import AsItStands, observe, rows, the_lesson

LESSON = ROOT / "notebooks" / "08-rpc-on-asyncore.ipynb"

ASK = """
    first=[call.name for call in first.calls],
    first_sizes=[c.result for c in first.calls if c.name == "send"],
    reply=reply,
    traced=sorted({line.function for line in list(traced.values())[-1]}),
    held=held, replied=replied, request=len(ping("hi")),
    glued=[call.name for call in glued.calls], glued_reply=len(messages(glued_reply)),
    answers=[messages(each)[0]["result"][0] for each in answers],
    prefixes=[c.result for it in slow_lab.tape for c in it.calls if c.name == "recv"][:8],
    asleep=sum(it.asleep_ns for it in slow_lab.tape), used=sum(it.cpu_ns for it in slow_lab.tape),
    rates=list(rates.values()), both_split=both_split,
    reply_sizes=list(reply_sizes.items()), mended=list(mended.items()),
    unlucky=[(c.name, c.errno) for c in unlucky.calls], unlucky_errors=[e for _, e in unlucky.errors],
    too_late=[(c.name, c.errno) for c in too_late.calls],
    erin=len(erin_got), erin_eof=erin.recv() or erin.eof,
    no_such=[text for _, text in no_such.errors], finn=len(finn_got), gina=len(gina_got),
    blocking=repr(ended_with), gina_waits=len(gina_waits),
    polite=[each["out"] for each in polite_replies],
    kept=kept, misread=misread, capped=[each["out"] for each in capped_reply],
    answered=dict(zip(map(str, lengths), answered)), seen_by_decoder=[str(each) for each in seen],
    verdicts=[[name, what, verdict] for (name, what), verdict in verdicts.items()],
    use=[total, echoed == "x" * 1020, why], theirs=theirs, ours=ours,
    byteorder=__import__("sys").byteorder,
"""

EAGAIN, EBADF = 11, 9


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(45, range(67, 73))


@the_lesson
def test_the_chain_of_one_call_and_send_tries_at_once(seen):  # S45
    assert seen.first == [
        "read", "handle_read_event", "handle_read", "recv", "handle_rpc", "ping", "send_result",
        "initiate_send", "send", "initiate_send", "send",
    ]  # fmt: skip
    assert seen.first_sizes[0] == 4
    assert seen.reply == [SimpleNamespace(out="pong", result="hello")]
    assert {"poll", "read", "dispatcher.handle_read_event", "dispatcher_with_send.send"} <= set(seen.traced)


@the_lesson
def test_frames_split_and_glued(seen):
    size = seen.request
    assert seen.held == [*range(1, size), 0]
    assert [i for i, n in enumerate(seen.replied) if n] == [size - 1]
    assert [seen.glued.count(name) for name in ("recv", "handle_rpc", "ping", "send")] == [1, 1, 3, 6]
    assert seen.glued_reply == 3
    assert seen.answers == list(range(12))


@the_lesson
def test_nagle_meets_delayed_ack(seen):  # S67
    split, client_only, joined, nodelay = seen.rates
    assert split == seen.both_split
    assert joined > 10 * split and nodelay > 10 * split
    assert joined > 10 * client_only
    assert seen.ours > 10 * seen.theirs
    assert 4 in seen.prefixes  # the length arrived alone
    assert seen.used < seen.asleep / 10


@the_lesson
def test_multiples_of_1024(seen):  # S68
    assert [size for size, reply in seen.reply_sizes if not reply] == [1024, 2048, 4096]
    assert [reply for size, reply in seen.reply_sizes if reply and reply != size + 1] == []
    names = [name for name, _ in seen.unlucky]
    assert [errno for name, errno in seen.unlucky if name == "recv"] == [0, EAGAIN]
    assert names[-3:] == ["handle_error", "handle_close", "close"] and "handle_rpc" not in names
    assert "BlockingIOError" in seen.unlucky_errors[0]


@the_lesson
def test_a_reply_on_a_dead_socket(seen):  # S69
    names = [name for name, _ in seen.too_late]
    assert names.count("handle_close") == 3 and names.count("close") == 1
    assert names.index("handle_close") < names.index("handle_rpc")
    assert [errno for name, errno in seen.too_late if name == "send"] == [EBADF, EBADF]
    assert seen.erin == 0 and seen.erin_eof is True
    assert all(reply == size + 1 for size, reply in seen.mended)


@the_lesson
def test_an_unknown_method(seen):  # S70
    assert seen.no_such == ["KeyError: 'pong'"]
    assert seen.finn == 0 and seen.gina > 0
    assert seen.blocking == "KeyError('pong')" and seen.gina_waits == 0
    assert seen.polite == ["error", "error", "pong"]


@the_lesson
def test_a_length_without_bounds(seen):  # S71
    assert seen.kept == sorted(seen.kept) and seen.kept[-1] > 10 * seen.kept[0]
    assert seen.misread == (14 << 24 if seen.byteorder == "little" else 14)
    assert seen.capped == ["error"]
    assert [each.split(":")[0] for each in seen.seen_by_decoder] == [
        "{'a'", "NotAnObject", "{'a'", "FrameTooLong",
    ]  # fmt: skip


@the_lesson
def test_text_in_the_way_of_bytes(seen):  # S72
    if seen.byteorder == "little":
        answered = vars(seen.answered)
        assert [int(size) for size, reply in answered.items() if not reply] == list(range(128, 136))


@the_lesson
def test_the_three_servers_under_attack(seen):
    verdicts = {(name, what): verdict for name, what, verdict in seen.verdicts}
    assert not [verdict for verdict in verdicts.values() if "OTHERS" in verdict]
    attacks = {what for _, what in verdicts}
    assert len(attacks) == 9
    for what in attacks:
        assert verdicts["RPCHandler", what].startswith("no answer")
        assert verdicts["labkit.rpc.rpc", what].startswith(
            "a reply" if what == "1,024 bytes" else "an error reply"
        )
    assert seen.use[:2] == [6, True] and "subtract" in seen.use[2]
