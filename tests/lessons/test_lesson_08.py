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
    chain=chain, now=now, request=len(ping("hi")),
    traced=sorted({line.function for line in list(traced.values())[-1]}),
    held=held, replied=replied, ran=ran, counted=counted, glued=names,
    left=glued.queues[glued.calls[0].fd].read_buffer, fourth=len(ping(4)[:10]),
    answers=[json.loads(each[4:])["result"][0] for each in answers],
    prefixes=[c.result for it in tired.tape for c in it.calls if c.name == "recv"][:8],
    asleep=sum(it.asleep_ns for it in tired.tape), used=sum(it.cpu_ns for it in tired.tape),
    rates=list(rates.values()), both_split=both_split, nodelay=nodelay, theirs=theirs, ours=ours,
    reply_sizes=list(zip(sizes, reply_sizes.values())), mended=list(zip(sizes, mended.values())),
    dora_closed=dora_closed, later=len(later.calls),
    unlucky=[(c.name, c.errno) for c in unlucky.calls], unlucky_errors=[e for _, e in unlucky.errors],
    too_late=[(c.name, c.errno) for c in too_late.calls], closed=closed,
    erin=len(erin_got), erin_eof=erin.recv() or erin.eof,
    no_such=[text for _, text in no_such.errors], finn=len(finn_got), finn_eof=finn.eof, gina=len(gina_got),
    raised=[__import__("labkit").tape.narrate.call(c) for c in no_such.calls if c.name == "handle_rpc"],
    blocking=repr(blocked.error), gina_waits=len(blocked.second),
    polite=[each["out"] for each in polite_replies],
    kept=kept, misread=misread, answered=list(answered.items()), reads_on=[no_json, too_long],
    verdicts=[[name, what, each] for name, all in verdicts.items() for what, each in zip(ATTACKS, all)],
    use=[total, echoed == "x" * 1020, why], byteorder=__import__("sys").byteorder,
"""

EAGAIN, EBADF = 11, 9


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """What the lesson's cells observed."""
    return observe(LESSON, ASK)


class TestTheLesson(AsItStands):
    lesson = LESSON
    rows = rows(45, range(67, 73))
    ill = {"nagle": 2, "exact-multiple": 5, "sent-after-close": 1}


@the_lesson
def test_the_chain_of_one_call_and_send_tries_at_once(seen):  # S45
    assert seen.chain == [
        "read", "handle_read_event", "handle_read", "recv", "handle_rpc", "ping", "send_result",
        "initiate_send", "send", "initiate_send", "send",
    ] or seen.chain == [
        "read", "handle_read_event", "handle_read", "recv", "handle_rpc", "handlers", "ping", "send_result",
        "initiate_send", "send", "initiate_send", "send",
    ]  # fmt: skip
    assert len(seen.now) == 2 and seen.now[0] == 4
    assert {"poll", "read", "dispatcher.handle_read_event", "dispatcher_with_send.send"} <= set(seen.traced)
    assert {"Reading.handle_read", "Cutting.handle_rpc", "RPCHandler.ping"} <= set(seen.traced)


@the_lesson
def test_frames_split_and_glued(seen):
    size = seen.request
    assert seen.held == [*range(1, size), 0] and seen.ran == size
    assert [i for i, n in enumerate(seen.replied) if n] == [size - 1]
    assert seen.counted == [1, 1, 3] and seen.glued.count("send") == 6
    assert seen.left == seen.fourth
    assert seen.answers == list(range(12))


@the_lesson
def test_nagle_meets_delayed_ack(seen):  # S67
    split, client_only, joined = seen.rates
    assert split == seen.both_split
    assert joined > 10 * split and seen.nodelay > 10 * split
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
    assert seen.dora_closed and seen.later == 0


@the_lesson
def test_a_reply_on_a_dead_socket(seen):  # S69
    names = [name for name, _ in seen.too_late]
    assert seen.closed == names.count("handle_close") == 3 and names.count("close") == 1
    assert names.index("handle_close") < names.index("handle_rpc")
    assert [errno for name, errno in seen.too_late if name == "send"] == [EBADF, EBADF]
    assert seen.erin == 0 and seen.erin_eof is True
    assert all(reply == size + 1 for size, reply in seen.mended)


@the_lesson
def test_an_unknown_method(seen):  # S70
    assert seen.no_such == ["KeyError: 'pong'"]
    assert seen.finn == 0 and seen.finn_eof and seen.gina > 0
    assert seen.raised == ["handle_rpc() → raised", "handle_rpc() → done"]  # finn's, then gina's
    assert seen.blocking == "KeyError('pong')" and seen.gina_waits == 0
    assert seen.polite == ["error", "error", "pong"]


@the_lesson
def test_a_length_without_bounds(seen):  # S71
    assert seen.kept == sorted(seen.kept) and seen.kept[-1] > 10 * seen.kept[0]
    assert seen.misread == (14 << 24 if seen.byteorder == "little" else 14)
    assert seen.reads_on == [True, False]


@the_lesson
def test_text_in_the_way_of_bytes(seen):  # S72
    assert [size for size, reply in seen.answered if reply] == [100, 127, 256, 383, 512, 600]
    assert [size for size, reply in seen.answered if not reply] == [128, 255, 384, 511, 640, 1000]


@the_lesson
def test_the_three_servers_under_attack(seen):
    verdicts = {(name, what): verdict for name, what, verdict in seen.verdicts}
    assert not [verdict for verdict in verdicts.values() if "OTHERS" in verdict]
    attacks = {what for _, what in verdicts}
    assert len(attacks) == 9
    for what in attacks:
        assert verdicts["the booklet's", what].startswith("no answer")
        assert verdicts["labkit.rpc", what].startswith(
            "a reply" if what == "1,024 bytes" else "an error reply"
        )
    silent = [what for what in attacks if verdicts["Capped", what].startswith("no answer")]
    assert silent == ["cut off in the middle"]
    assert seen.use[:2] == [6, True] and "subtract" in seen.use[2]
