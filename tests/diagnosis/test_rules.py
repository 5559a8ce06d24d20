"""Each rule on the smallest tape that is ill in its way: what it says, where, and of how much."""

from __future__ import annotations

import errno
import re

import pytest

from labkit import Finding, diagnose
from tests.diagnosis.by_hand import (
    ALICE,
    BACKLOG,
    BOB,
    BOBS,
    CHANGES_HANDS,
    CLOSE,
    COMPUTES,
    DEAD,
    ENDED,
    FLOOD,
    FULL,
    HALF,
    HANGS_UP,
    IGNORED,
    LEFT,
    LISTENER,
    MS,
    NAMES,
    NO_FD,
    NOT_NOW,
    PART,
    PASSED_BY,
    PIECES,
    POLL,
    QUIET,
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

COPIES = (
    "With 110,000 bytes in the buffer of alice the quickest iterations were awake for 1.01 ms, "
    "with 710,000 bytes for 4.01 ms, for no more bytes moved."
)

# A tape that begins with iteration 10, (rule, whose, first, last), what is said, and how its reason begins.
ILL: dict[str, tuple[list[Turn], tuple[str, int | None, int, int], str, str]] = {
    "it asks in vain": (
        [TAKES, *[POLL] * 300],
        ("busy-polling", None, 11, 310),
        "The loop asked 300 times without waiting, and nothing had happened.",
        "Each time costs CPU, 3 ms of it in 6.3 ms here, and",
    ),
    "it asks in vain, twice": (
        [*[POLL] * 300, TAKES, *[{**POLL, "timeout": -1}] * 299, POLL],
        ("busy-polling", None, 10, 610),
        "The loop asked 600 times without waiting, and nothing had happened.",
        "Each time costs CPU, 6 ms of it in 12.6 ms here, and",
    ),
    "it is told in vain": (
        [TRIES] * 300,
        ("busy-polling", None, 10, 309),
        "The loop asked 300 times without waiting, and nothing had happened.",
        "",
    ),
    "it is told in vain, and once lost its processor in the wait": (
        [*[TRIES] * 150, {**TRIES, "asleep_ns": 1_001}, *[TRIES] * 150],
        ("busy-polling", None, 10, 310),
        "The loop asked 300 times without waiting, and nothing had happened.",
        "",
    ),
    "it can always write": (
        [TAKES, *[WRITABLE] * 3],
        ("write-spin", ALICE, 11, 13),
        "The loop asks whether alice can be written to, and has nothing to write: it was told “yes” 3 "
        "times for nothing.",
        "",
    ),
    "it can always write, and writes nothing": (
        [*[one(send(0, 0), ready={ALICE: RW}, asks=RW)] * 3, TAKES, *[WRITABLE] * 4],
        ("write-spin", ALICE, 10, 17),
        "The loop asks whether alice can be written to, and has nothing to write: it was told “yes” 7 "
        "times for nothing.",
        "",
    ),
    "the end": (
        [TAKES, *[ENDED] * 4],
        ("eof-spin", ALICE, 12, 14),
        "alice will send no more: recv returned no bytes. The loop asks about it all the same, and "
        "was told to read 3 times after that.",
        "",
    ),
    "the end, and nobody reads": (
        [TAKES, ENDED, *[IGNORED] * 3, NOT_NOW, *[IGNORED] * 3],
        ("eof-spin", ALICE, 12, 18),
        "alice will send no more: recv returned no bytes. The loop asks about it all the same, and "
        "was told to read 6 times after that.",
        "",
    ),
    "no fd": (
        [NO_FD] * 3,
        ("emfile-spin", LISTENER, 10, 12),
        "accept on the listener failed 3 times: this process has all the fds open that it may have (EMFILE).",
        "",
    ),
    "nobody reads": (
        [TAKES, *[IGNORED] * 4, {**IGNORED, **holds(7, 0, 0, 0)}],
        ("unread", ALICE, 11, 15),
        "The loop was told 5 times in a row that alice is ready to read, and made no call on it.",
        "A wait reports what is there until it is taken (level-triggered). Nobody takes the 7 bytes "
        "in its receive queue, so",
    ),
    "nobody reads, though a method is called": (
        [TAKES, *[one(does("handle_read", None, 0))] * 5],
        ("unread", ALICE, 11, 15),
        "The loop was told 5 times in a row that alice is ready to read, and made no call on it.",
        "A wait reports what is there until it is taken (level-triggered). Nobody takes what it was "
        "told of, so",
    ),
    "others come first": (
        [TAKES, *[PASSED_BY] * 10],
        ("starvation", ALICE, 11, 20),
        "alice was ready to read 10 times in a row and was not served; others were, each time.",
        "",
    ),
    "the rest is not sent": (
        [PART, NOT_NOW],
        ("partial-write", ALICE, 10, 10),
        "send took 40 of 100 bytes for alice, and nobody sends the rest: 60 bytes are lost.",
        "",
    ),
    "the rest is not sent, twice": (
        [one(send(7, 7), send(99, None)), TAKES, PART, NOT_NOW],
        ("partial-write", ALICE, 10, 12),
        "send took 0 of 99 bytes for alice, and nobody sends the rest: 159 bytes are lost.",
        "",
    ),
    "the rest is not sent, though it may be": (
        [{**PART, "interest": {ALICE: RW}}, *[WRITABLE] * 2],
        ("partial-write", ALICE, 10, 10),
        "send took 40 of 100 bytes for alice, and nobody sends the rest: 60 bytes are lost.",
        "",
    ),
    "something else is sent": (
        [PART, one(send(50, 50)), one(send(60, 60))],
        ("partial-write", ALICE, 10, 10),
        "send took 40 of 100 bytes for alice, and nobody sends the rest: 60 bytes are lost.",
        "",
    ),
    "closed, then sent": (
        [TAKES, DEAD],
        ("sent-after-close", ALICE, 11, 11),
        "A reply of 4 bytes was sent to alice after its socket was closed: send failed with EBADF.",
        "",
    ),
    "shut, then sent": (
        [one(does("shutdown", 1, 0), does("send", 4, None, errno.EPIPE))] * 2,
        ("sent-after-close", ALICE, 10, 10),
        "A reply of 4 bytes was sent to alice after its socket was closed: send failed with EPIPE.",
        "",
    ),
    "an edge that was": (
        [LEFT, QUIET],
        ("stranded-data", ALICE, 10, 11),
        "7 bytes of alice lie in its receive queue, and no wait tells the loop of them.",
        "This selector reports a change once (edge-triggered). The handler",
    ),
    "an edge that was, while others come": (
        [LEFT, BOBS, {**BOBS, "asleep_ns": 10 * MS + 1}, BOBS, TAKES],
        ("stranded-data", ALICE, 10, 13),
        "7 bytes of alice lie in its receive queue, and no wait tells the loop of them.",
        "",
    ),
    "an edge of a listener": (
        [BACKLOG, QUIET],
        ("stranded-backlog", LISTENER, 10, 11),
        "2 connections wait in the backlog of the listener, and no wait tells the loop of them.",
        "This selector reports a change once (edge-triggered). Several",
    ),
    "one read too many": (
        [FULL],
        ("exact-multiple", ALICE, 10, 10),
        "recv(1024) brought all that it asked for, the handler read once more, and found nothing: "
        "EAGAIN. That ended the connection of alice.",
        "A read of exactly 1024 bytes does not say that more has come.",
    ),
    "one read too many, of nobody known": (
        [{**FULL, "names": {ALICE: "to 127.0.0.1:80"}}],
        ("exact-multiple", ALICE, 10, 10),
        "recv(1024) brought all that it asked for, the handler read once more, and found nothing: "
        "EAGAIN. That ended the connection to 127.0.0.1:80.",
        "",
    ),
    "half an end": (
        [HALF, one(recv(9, 0), CLOSE, asks=RW)],
        ("half-close", ALICE, 11, 11),
        "alice said that it sends no more, and the server closed at once: 60 bytes of its reply were "
        "never sent.",
        "",
    ),
    "half an end, as it was seen": (
        [HALF, one(recv(9, 0), CLOSE, asks=RW, **at_close(0, 0, 50, 40, after=2))],
        ("half-close", ALICE, 11, 11),
        "alice said that it sends no more, and the server closed at once: 50 bytes of its reply were "
        "never sent.",
        "",
    ),
    "half an end, of a last reply": (
        [one(recv(9, 5), asks=RW, **account(True)), one(recv(9, 0), send(100, 70), CLOSE)],
        ("half-close", ALICE, 11, 11),
        "alice said that it sends no more, and the server closed at once: 30 bytes of its reply were "
        "never sent.",
        "",
    ),
    "half an end, of a reply that is not taken": (
        [one(recv(9, 5), asks=RW, **account(True)), one(recv(9, 0), send(100, None), CLOSE)],
        ("half-close", ALICE, 11, 11),
        "alice said that it sends no more, and the server closed at once: 100 bytes of its reply were "
        "never sent.",
        "",
    ),
    "half an end, closed in the next turn": (
        [HALF, one(recv(9, 0), asks=RW, **holds(0, 0, 60, 40)), one(CLOSE, asks=RW)],
        ("half-close", ALICE, 11, 11),
        "alice said that it sends no more, and the server closed at once: 60 bytes of its reply were "
        "never sent.",
        "",
    ),
    "a tail": (
        [HANGS_UP],
        ("lost-tail", ALICE, 10, 10),
        "alice hung up behind its last bytes. The server read 1,024 of them and closed: 500 bytes "
        "that had arrived were thrown away.",
        "",
    ),
    "a number that changes hands": (
        CHANGES_HANDS,
        ("wrong-handler", BOB, 11, 11),
        "The loop was told that bob is ready, and that was closed before its turn came. Its number, "
        "fd 6, went to another, and that was called in its place.",
        "",
    ),
    "it sleeps": (
        [one(recv(9, 5), **SHORT), SLEEPS],
        ("blocking", ALICE, 11, 11),
        "The handler of alice kept the loop busy for 150 ms, after its recv. bob (7 bytes) waited meanwhile.",
        "A loop has one thread. While one handler works, nobody else is asked about or served. This "
        "one slept, or waited inside a call, for 74 % of the time on this tape",
    ),
    "it computes, twice": (
        [COMPUTES, one(recv(9, 5), **SHORT), {**COMPUTES, "awake_ns": 163 * MS, "cpu_ns": 160 * MS}],
        ("blocking", ALICE, 10, 12),
        "The handler of alice kept the loop busy 2 times, the longest for 150 ms, after its recv. bob "
        "(7 bytes) waited meanwhile.",
        "A loop has one thread. While one handler works, nobody else is asked about or served. This "
        "one computed, for 72 % of the time on this tape",
    ),
    "it sleeps in a method": (
        [{**SLEEPS, "calls": (does("handle_read", None, 2), *SLEEPS["calls"][:2]), "ready": {ALICE: R}}],
        ("blocking", ALICE, 10, 10),
        "The handler of alice kept the loop busy for 150 ms, in handle_read, after its recv.",
        "",
    ),
    "it sleeps after a method": (
        [{**SLEEPS, "calls": (does("handle_read", None, 0), *SLEEPS["calls"][:2]), "ready": {ALICE: R}}],
        ("blocking", ALICE, 10, 10),
        "The handler of alice kept the loop busy for 150 ms, after its recv.",
        "",
    ),
    "it sleeps, and nobody knows where": (
        [{**SLEEPS, "calls": (), "ready": {}}, one(recv(9, 7, BOB), ready={BOB: R}, asks={BOB: R}, **SHORT)],
        ("blocking", None, 10, 10),
        "Something in the loop kept the loop busy for 153 ms. bob (7 bytes) waited meanwhile.",
        "",
    ),
    "it reads on": (
        [FLOOD],
        ("starvation", ALICE, 10, 10),
        "In one iteration alice was read 64 times, 16,384 bytes in 50 ms, while others waited.",
        "",
    ),
    "a reply in pieces": (
        [PIECES, SLEPT, PIECES, SLEPT, PIECES, SLEPT],
        ("nagle", ALICE, 10, 14),
        "3 times the server sent alice a reply in pieces, and the kernel held the later pieces back "
        "(5 bytes of the last reply), and the loop then slept 40 ms.",
        "",
    ),
    "a reply in pieces, step by step": (
        [PIECES, NOT_NOW] * 3,
        ("nagle", ALICE, 10, 14),
        "3 times the server sent alice a reply in pieces, and the kernel held the later pieces back "
        "(5 bytes of the last reply).",
        "",
    ),
    "it grows": (
        grows(1, *range(65_536, 66_336, 100), 66_236, 66_236),
        ("unbounded-buffer", ALICE, 11, 18),
        "The write buffer of alice grew from 65,536 to 66,236 bytes in 8 iterations, and did not "
        "shrink in between.",
        "",
    ),
    "it grows, rests and grows": (
        grows(70_000, 80_000, 1, *(70_000 + n // 2 for n in range(18))),
        ("unbounded-buffer", ALICE, 13, 29),
        "The write buffer of alice grew from 70,000 to 70,008 bytes in 9 iterations, and did not "
        "shrink in between.",
        "",
    ),
    "nobody takes it": (
        [STUCK, *[WAITS] * 20],
        ("peer-never-reads", ALICE, 10, 30),
        "alice does not read: 60 bytes for it lie in the server's write buffer, and since iteration "
        "10 the kernel has taken nothing more.",
        "",
    ),
    "nobody takes it for two seconds": (
        [one(send(100, 40), asks=W), *[RUNS] * 2],
        ("peer-never-reads", ALICE, 10, 12),
        "alice does not read: What is for it lies in the server's write buffer, and since iteration "
        "10 the kernel has taken nothing more.",
        "",
    ),
    "it copies": (
        copies(40),
        ("quadratic-buffer", ALICE, 10, 49),
        COPIES,
        "",
    ),
    "it copies, and sizes in the middle cost most": (
        [{**each, "awake_ns": 9_000_000} if 10 <= n < 20 else each for n, each in enumerate(copies(40))],
        ("quadratic-buffer", ALICE, 10, 49),
        COPIES,
        "",
    ),
    "it copies, and the CPU clock lags behind": (
        [
            {**each, "cpu_ns": sum(one["cpu_ns"] for one in copies(40)[n - 9 : n + 1]) if n % 10 == 9 else 0}
            for n, each in enumerate(copies(40))
        ],
        ("quadratic-buffer", ALICE, 10, 49),
        COPIES,
        "",
    ),
}


@pytest.mark.parametrize("name", ILL)
def test_the_smallest_tape_that_is_ill_is_told_to_the_number(name: str):
    turns, where, what, why = ILL[name]
    found = diagnose(tape(turns, first=10))
    finding = next(each for each in found if each.rule == where[0])
    assert (finding.rule, finding.fd, finding.first, finding.last) == where
    assert finding.what == what
    assert finding.why.startswith(why)
    assert [each.rule for each in found].count(finding.rule) == 1
    assert reads_well(finding) == []


ABBREVIATIONS = {"ACK", "CPU", "EAGAIN", "EBADF", "EMFILE", "EPIPE", "TCP_NODELAY"}
SPELLED = {word.lower(): word for word in (*ABBREVIATIONS, "Nagle")}
PIECES_OF_CODE = re.compile(r"b''|\w+\.\w+\(\)|await|recv|send|accept|ulimit -n")


def reads_well(finding: Finding) -> list[str]:
    """What is wrong with the words: not a sentence, shouted, or misspelled."""
    wrong = []
    for text in (finding.what, finding.why, finding.cure):
        wrong += [f"no sentence: {text}"] if not text.endswith(".") or "  " in text or "XX" in text else []
        for sentence in re.split(r"(?<=[.!?]) (?=\S)", text):
            begins = sentence[0].isupper() or sentence.startswith((*NAMES.values(), "accept", "recv", "send"))
            wrong += [] if begins or sentence[0].isdigit() else [f"it begins small: {sentence}"]
        for word in re.findall(r"[A-Za-z_]{2,}", PIECES_OF_CODE.sub("", text)):
            shouted = word.isupper() and word not in ABBREVIATIONS
            wrong += [word] if shouted or SPELLED.get(word.lower(), word) != word else []
    wrong += [] if re.search(r"\(S\d\d\)\.$", finding.why) else ["no row of the facts"]
    return wrong


def test_findings_come_in_the_order_in_which_they_begin():
    found = diagnose(tape([PART, TAKES, *[WRITABLE] * 3, FULL, TAKES, *[NO_FD] * 3]))
    assert [(each.rule, each.first) for each in found] == [
        ("partial-write", 0), ("write-spin", 2), ("exact-multiple", 5), ("emfile-spin", 7),
    ]  # fmt: skip


def test_a_finding_says_where_it_is():
    one_turn = Finding("rule", 5, 3, 3, "What.", "Why (S01).", "Cure.")
    assert str(one_turn) == "rule, iteration 3: What.\n  Why: Why (S01).\n  Cure: Cure."
    several = Finding("rule", None, 3, 4, "What.", "Why (S01).", "Cure.")
    assert str(several).startswith("rule, iterations 3 to 4: What.\n")
