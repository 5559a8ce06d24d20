"""One step away from the smallest tape that is ill, the rule says nothing."""

from __future__ import annotations

import errno

import pytest

from labkit import diagnose
from labkit.tape.turn import EVENTS
from tests.diagnosis.by_hand import (
    AGAIN,
    ALICE,
    ASLEEP,
    BACKLOG,
    BOB,
    BOBS,
    CHANGES_HANDS,
    CLOSE,
    ENDED,
    FLOOD,
    FULL,
    HALF,
    HANGS_UP,
    IGNORED,
    LEFT,
    LISTENER,
    MS,
    NO_FD,
    NOT_NOW,
    PART,
    PASSED_BY,
    PIECES,
    POLL,
    QUIET,
    RAISED,
    RUNS,
    RW,
    SHORT,
    SLEEPS,
    SLEPT,
    STUCK,
    TAKES,
    TRIES,
    WAITS,
    WRITABLE,
    R,
    Turn,
    W,
    account,
    at_close,
    copies,
    does,
    grows,
    holds,
    one,
    recv,
    send,
    tape,
)
from tests.diagnosis.test_rules import ILL

# One step away from being ill: (the rule that says nothing, the tape).
WELL: dict[str, tuple[str, list[Turn]]] = {
    "it asks a little less often": ("busy-polling", [*[POLL] * 299, TAKES, *[POLL] * 299]),
    "it waits a little": ("busy-polling", [{**POLL, "timeout": 0.001}] * 300),
    "it waits without end": ("busy-polling", [{**POLL, "timeout": None}] * 300),
    "it is stepped": ("busy-polling", [{**POLL, "stepped": True}] * 300),
    "it computes meanwhile": ("busy-polling", [{**POLL, "cpu_ns": 500_000}] * 300),
    "it sends meanwhile": ("busy-polling", [{**POLL, "calls": (send(5, 5),)}] * 300),
    "one of two calls moved something": (
        "busy-polling",
        [{**TRIES, "calls": (recv(9, None), recv(9, 1))}] * 300,
    ),
    "it made no call": ("busy-polling", [{**TRIES, "calls": ()}] * 300),
    "not all were ready": ("busy-polling", [{**TRIES, "interest": {ALICE: R, BOB: R}}] * 300),
    "it slept in its wait": ("busy-polling", [{**TRIES, "asleep_ns": 1_001}] * 300),
    "it can write twice": ("write-spin", [TAKES, *[WRITABLE] * 2, TAKES, *[WRITABLE] * 2]),
    "it writes": ("write-spin", [{**WRITABLE, "calls": (send(5, 5),)}] * 3),
    "it connects": ("write-spin", [{**WRITABLE, "calls": (does("connect", None, 0),)}] * 3),
    "it still holds some": ("write-spin", [TAKES, *[{**WRITABLE, **holds(0, 0, 1, 0)}] * 3]),
    "it did not ask to write": ("write-spin", [TAKES, *[{**WRITABLE, "interest": {ALICE: R}}] * 3]),
    "its calls are not told": ("write-spin", [WRITABLE] * 5),
    "it was closed at the third": ("write-spin", [TAKES, *[WRITABLE] * 2, {**WRITABLE, "calls": (CLOSE,)}]),
    "the end, told twice": ("eof-spin", [*[ENDED] * 3, NOT_NOW, one(ready={}), *[ENDED] * 2]),
    "more came": ("eof-spin", [ENDED, *[IGNORED] * 2, TAKES, *[IGNORED] * 2]),
    "it asked for nothing": ("eof-spin", [one(recv(0, 0)), *[one(recv(0, 0))] * 3]),
    "it found nothing": ("eof-spin", [one(recv(9, None))] * 4),
    "it stopped asking": ("eof-spin", [ENDED, *[one(ready={ALICE: R}, asks={})] * 3]),
    "closed at the third": ("eof-spin", [*[ENDED] * 3, one(CLOSE)]),
    "an fd is free again": ("emfile-spin", [*[NO_FD] * 2, ASLEEP, *[NO_FD] * 2]),
    "nobody is there": ("emfile-spin", [one(does("accept", None, None, AGAIN), ready={LISTENER: R})] * 4),
    "nobody reads four times": ("unread", [TAKES, *[IGNORED] * 4, TAKES, *[IGNORED] * 4]),
    "nobody reads after the end": ("unread", [ENDED, *[IGNORED] * 6]),
    "nobody reads and others do": ("unread", [TAKES, *[PASSED_BY] * 6]),
    "others come first nine times": ("starvation", [TAKES, *[PASSED_BY] * 9]),
    "others come first, but once": ("starvation", [TAKES, *[PASSED_BY] * 5, IGNORED, *[PASSED_BY] * 5]),
    "all of it is sent": ("partial-write", [one(send(100, 40), send(60, 60)), NOT_NOW]),
    "the rest is sent later": ("partial-write", [PART, TAKES, one(send(60, 60))]),
    "the rest is kept": ("partial-write", [{**PART, **holds(0, 0, 60, 0)}, NOT_NOW]),
    "the rest waits for room": ("partial-write", [PART, one(ready={}, asks=W), one(ready={}, asks=W)]),
    "there was room once": ("partial-write", [PART, WRITABLE, one(ready={}, asks=RW)]),
    "the rest is sent when there is room": (
        "partial-write",
        [PART, WRITABLE, {**WRITABLE, "calls": (send(60, 60),)}],
    ),
    "it was closed": ("partial-write", [one(send(100, 40), CLOSE), NOT_NOW]),
    "the peer was gone": ("partial-write", [one(does("send", 100, None, errno.EPIPE)), NOT_NOW]),
    "the tape ends": ("partial-write", [PART]),
    "it asks no more": ("partial-write", [PART, ASLEEP]),
    "sent, then closed": ("sent-after-close", [one(send(4, 4), CLOSE)]),
    "shut for reading": (
        "sent-after-close",
        [one(does("shutdown", 0, 0), does("send", 4, None, errno.EPIPE))],
    ),
    "shut in vain": (
        "sent-after-close",
        [one(does("shutdown", 1, None, errno.ENOTCONN), does("send", 4, None, errno.EPIPE))],
    ),
    "the peer had gone": ("sent-after-close", [one(does("send", 4, None, errno.EPIPE))]),
    "shut a turn before": ("sent-after-close", [one(does("shutdown", 1, 0)), one(does("send", 4, None, 32))]),
    "all was read": ("stranded-data", [{**LEFT, **holds(0, 0, 0, 0)}, QUIET]),
    "it does not ask": ("stranded-data", [LEFT, ASLEEP, ASLEEP]),
    "it asks to write": ("stranded-data", [LEFT, one(ready={}, asks=W)]),
    "it is told at once": ("stranded-data", [LEFT, TAKES]),
    "it reads on at once, untold": ("stranded-data", [LEFT, {**TAKES, "ready": {}}]),
    "others came twice": ("stranded-data", [LEFT, {**BOBS, "asleep_ns": 10 * MS + 1}, BOBS]),
    "others came at once": ("stranded-data", [LEFT, *[{**BOBS, "asleep_ns": 10 * MS}] * 5]),
    "nobody waits": ("stranded-backlog", [{**BACKLOG, "backlog": {LISTENER: 0}}, QUIET]),
    "it read once": ("exact-multiple", [one(recv(1024, None), CLOSE, **RAISED)]),
    "it read less than it asked for": (
        "exact-multiple",
        [one(recv(1024, 1023), recv(1024, None), CLOSE, **RAISED)],
    ),
    "it did not raise": ("exact-multiple", [{**FULL, "errors": ()}]),
    "somebody else raised": ("exact-multiple", [{**FULL, "errors": ((BOB, "KeyError"),)}]),
    "it was not closed": ("exact-multiple", [{**FULL, "calls": FULL["calls"][:2]}]),
    "it found the end": ("exact-multiple", [one(recv(1024, 1024), recv(1024, 0), CLOSE, **RAISED)]),
    "it sent before it was closed": (
        "exact-multiple",
        [one(recv(9, 9), recv(9, None), send(5, 5), CLOSE, **RAISED)],
    ),
    "nothing was to be sent": ("half-close", [TAKES, one(recv(9, 0), CLOSE)]),
    "it was not the end": ("half-close", [HALF, one(recv(9, 5), CLOSE)]),
    "the peer is gone": ("half-close", [{**HALF, **account(False)}, one(recv(9, 0), CLOSE)]),
    "nothing was left at the close": (
        "half-close",
        [HALF, one(recv(9, 0), CLOSE, **at_close(0, 0, 0, 9, after=1))],
    ),
    "all went out before": ("half-close", [HALF, one(recv(9, 0), send(60, 60), CLOSE)]),
    "it is sent in the next turn": ("half-close", [HALF, one(recv(9, 0), asks=W), one(send(60, 60), CLOSE)]),
    "it sends a part, and is closed next": (
        "half-close",
        [HALF, one(recv(9, 0), send(60, 40), asks=W), one(CLOSE)],
    ),
    "it is closed later": ("half-close", [HALF, one(recv(9, 0), asks=W), ASLEEP, one(CLOSE)]),
    "it is never closed": ("half-close", [HALF, one(recv(9, 0), asks=W), one(ready={}, asks=W)]),
    "it did not hang up": ("lost-tail", [{**HANGS_UP, "ready": {ALICE: R}}]),
    "a hang-up alone": ("lost-tail", [{**HANGS_UP, "ready": {ALICE: EVENTS[4]}}]),
    "no tail": ("lost-tail", [{**HANGS_UP, **at_close(0, 0, 0, 0, after=1)}]),
    "nobody knows of a tail": ("lost-tail", [{**HANGS_UP, "moments": ()}]),
    "it read the end": ("lost-tail", [{**HANGS_UP, "calls": (recv(9, 5), recv(9, 0), CLOSE)}]),
    "it went on": ("lost-tail", [{**HANGS_UP, "calls": (recv(9, 5),)}]),
    "it was served, then closed": (
        "wrong-handler",
        [CHANGES_HANDS[0], {**CHANGES_HANDS[1], "calls": (recv(9, 5, BOB), *CHANGES_HANDS[1]["calls"])}],
    ),
    "the new one is left alone": (
        "wrong-handler",
        [CHANGES_HANDS[0], {**CHANGES_HANDS[1], "calls": CHANGES_HANDS[1]["calls"][:3]}],
    ),
    "it was not ready": ("wrong-handler", [CHANGES_HANDS[0], {**CHANGES_HANDS[1], "ready": {ALICE: R}}]),
    "a little faster": (
        "blocking",
        [{**SLEEPS, "calls": (recv(9, 5), send(5, 5, at=99 * MS)), "awake_ns": 100 * MS}],
    ),
    "neither slept nor computed": ("blocking", [{**SLEEPS, "cpu_ns": 50 * MS}]),
    "a machine with too much to do": (
        "blocking",
        [*[one(recv(9, 5), **{**SHORT, "awake_ns": 40 * MS})] * 3, SLEEPS],
    ),
    "it polls, and another has the CPU": (
        "blocking",
        [*[POLL] * 3, {**POLL, "awake_ns": 150 * MS, "cpu_ns": 0}],
    ),
    "63 reads": ("starvation", [{**FLOOD, "calls": FLOOD["calls"][1:]}]),
    "in less time": ("starvation", [{**FLOOD, "calls": (recv(256, 256, at=1), *FLOOD["calls"][1:])}]),
    "nobody else is there": ("starvation", [{**FLOOD, "ready": {ALICE: R}}, TAKES]),
    "nobody hurries": ("starvation", [{**FLOOD, "stepped": True}]),
    "twice in pieces": ("nagle", [PIECES, SLEPT, PIECES, SLEPT]),
    "in one piece": ("nagle", [one(send(9, 9), **holds(0, 0, 0, 9))] * 4),
    "it went out": ("nagle", [{**PIECES, **holds(0, 0, 0, 0)}] * 4),
    "more lies there": ("nagle", [{**PIECES, **holds(0, 0, 0, 9)}] * 4),
    "large pieces": ("nagle", [one(send(4, 4), send(2001, 2001), **holds(0, 0, 0, 2001))] * 4),
    "not all was taken": ("nagle", [one(send(4, 4), send(9, 5), **holds(0, 0, 4, 5))] * 4),
    "it grows seven times": ("unbounded-buffer", grows(*range(65_536, 66_236, 100))),
    "it shrinks in between": (
        "unbounded-buffer",
        grows(*range(65_536, 66_136, 100), 65_999, *range(66_000, 66_600, 100)),
    ),
    "it grows, and is small": ("unbounded-buffer", grows(*range(60_000, 65_536, 100))),
    "it waited 19 steps": ("peer-never-reads", [STUCK, *[WAITS] * 19]),
    "it waited less than two seconds": ("peer-never-reads", [STUCK, RUNS, {**RUNS, "awake_ns": 0}]),
    "it does not want to write": ("peer-never-reads", [STUCK, *[NOT_NOW] * 20]),
    "some was taken in the end": (
        "peer-never-reads",
        [STUCK, *[WAITS] * 19, one(ready={ALICE: W}, asks=W), WAITS],
    ),
    "it was closed in the end": ("peer-never-reads", [STUCK, *[WAITS] * 20, one(CLOSE, asks=W)]),
    "39 rows": ("quadratic-buffer", copies(39)),
    "a small buffer": ("quadratic-buffer", copies(40, size=14_000)),
    "it moves more, too": ("quadratic-buffer", copies(40, moved=1)),
    "it moves more than nothing": (
        "quadratic-buffer",
        [{**each, "calls": (recv(9, 1 if at > 9 else None),)} for at, each in enumerate(copies(40))],
    ),
    "it takes as long each time": (
        "quadratic-buffer",
        [{**each, "awake_ns": 1_000_000} for each in copies(40)],
    ),
    "it takes longer from some size on, and no longer after": (
        "quadratic-buffer",
        [{**each, "awake_ns": (1_000_000, 4_000_000)[at >= 20] + at} for at, each in enumerate(copies(40))],
    ),
    "it is awake longer, and computes no more": (
        "quadratic-buffer",
        [{**each, "cpu_ns": 1_000_000} for each in copies(40)],
    ),
    "only those that were disturbed take longer": (
        "quadratic-buffer",
        [each if at % 3 else {**each, "awake_ns": 1_000_000} for at, each in enumerate(copies(40))],
    ),
}


@pytest.mark.parametrize("name", WELL)
def test_one_step_away_from_it_the_rule_is_silent(name: str):
    rule, turns = WELL[name]
    assert rule not in {each.rule for each in diagnose(tape(turns, first=10))}


def test_every_rule_is_here_ill_and_well():
    ill = {where[0] for _, where, _, _ in ILL.values()}
    assert ill == {rule for rule, _ in WELL.values()} and len(ill) == 19
