"""Every rule speaks on the server that is ill in its way, silent on its healthy twin and on all others."""

from __future__ import annotations

import functools
import re

import pytest

from labkit import Finding, Tape, diagnose
from labkit.diagnosis.rules import RULES
from tests.diagnosis import ill_asyncio, ill_losses, ill_spins, ill_waits
from tests.diagnosis.patients import PATIENTS, judged

WARDS = ill_asyncio, ill_losses, ill_spins, ill_waits

# (patient, rule): (first, last, how many iterations it takes to say so)
SEEN = {
    ("asks_to_write_in_a_lab", "write-spin"): (2, 5, 5),
    ("asks_to_write_in_asyncore", "write-spin"): (2, 5, 5),
    ("calls_the_wrong_one", "wrong-handler"): (0, 0, 1),
    ("does_not_accept", "unread"): (1, 8, 6),
    ("does_not_read_in_a_lab", "unread"): (1, 7, 6),
    ("does_not_read_in_asyncore", "unread"): (1, 7, 6),
    ("drops_the_reply_in_a_lab", "half-close"): (2, 2, 3),
    ("drops_the_reply_in_asyncore", "half-close"): (2, 2, 3),
    ("ignores_the_end_in_a_lab", "eof-spin"): (3, 7, 6),
    ("ignores_the_end_in_asyncore", "eof-spin"): (2, 6, 5),
    ("keeps_everything_in_a_lab", "peer-never-reads"): (3, 89, 24),
    ("keeps_everything_in_a_lab", "unbounded-buffer"): (19, 89, 27),
    ("polls_a_selector", "busy-polling"): (0, 399, 300),
    ("polls_in_asyncore", "busy-polling"): (0, 399, 300),
    ("reads_once_an_edge", "stranded-data"): (1, 4, 3),
    ("reads_until_short_in_a_lab", "exact-multiple"): (7, 7, 8),
    ("reads_until_short_in_asyncore", "exact-multiple"): (7, 7, 8),
    ("replies_to_nobody_in_a_lab", "sent-after-close"): (1, 1, 2),
    ("replies_to_nobody_in_asyncore", "sent-after-close"): (1, 1, 2),
    ("runs_out_of_fds_in_a_loop", "emfile-spin"): (0, 5, 3),
    ("runs_out_of_fds_in_asyncore", "emfile-spin"): (0, 5, 3),
    ("sends_once_in_a_lab", "partial-write"): (1, 1, 3),
    ("sends_once_in_asyncore", "partial-write"): (1, 1, 3),
    ("serves_the_first_only", "starvation"): (1, 14, 11),
    ("writes_to_who_does_not_read", "peer-never-reads"): (1, 39, 22),
}

WAITS = {
    "copies_its_read_buffer",
    "reads_a_flood_to_its_end",
    "replies_in_pieces_in_a_lab",
    "replies_in_pieces_in_asyncore",
    "writes_in_asyncio_to_who_does_not_read",
}
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in WAITS else name for name in PATIENTS]


TRIES = 4


@functools.cache
def found_in(name: str, healthy: bool) -> list[Finding]:
    """Findings of a patient; it is made once."""
    make, rules = PATIENTS[name]
    return judged(lambda: make(healthy), blocks=not healthy and "blocking" in rules)


@pytest.mark.parametrize("name", NAMES)
def test_the_ill_one_has_what_it_has_and_nothing_else(name: str):
    rules = PATIENTS[name][1]
    for _ in range(TRIES):  # what rests on times may stay silent on a busy machine, and never says more
        found = {finding.rule for finding in found_in(name, False)}
        assert found <= rules
        if found == rules:
            break
        found_in.cache_clear()
    assert found == rules


@pytest.mark.parametrize(("name", "rule"), SEEN)
def test_it_is_seen_where_it_is_and_as_early_as_can_be(name: str, rule: str):
    first, last, enough = SEEN[name, rule]
    for _ in range(TRIES):  # a busy machine lets TCP's own timers move bytes through a closed window (S60)
        turns = list(PATIENTS[name][0](False))
        where = [(each.first, each.last) for each in diagnose(turns) if each.rule == rule]
        if where == [(first, last)]:
            break
    assert where == [(first, last)]
    assert rule in {each.rule for each in diagnose(turns[:enough])}
    assert rule not in {each.rule for each in diagnose(turns[: enough - 1])}


@pytest.mark.parametrize("name", NAMES)
def test_the_healthy_twin_has_nothing(name: str):
    assert found_in(name, True) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_finding_says_where_and_reads_like_a_sentence(name: str):
    for finding in found_in(name, False):
        assert 0 <= finding.first <= finding.last
        assert finding.fd is None or finding.fd > 2
        for text in (finding.what, finding.why, finding.cure):
            assert text.endswith(".") and "  " not in text and "None" not in text and "fd -1" not in text
        assert re.search(r"\(S\d\d\)\.$", finding.why)  # the row of the facts that it rests on


def test_every_rule_has_a_patient():
    rules = {rule for _, rules in PATIENTS.values() for rule in rules}
    assert len(rules) == 19 <= len(RULES)


def test_an_empty_tape_has_nothing():
    assert diagnose(Tape()) == []


@pytest.mark.parametrize(
    "name", ["does_not_read_in_a_lab", "sends_once_in_a_lab", "replies_in_pieces_in_asyncore"]
)
def test_a_tape_that_was_saved_and_loaded_says_the_same(name: str, tmp_path):
    tape = PATIENTS[name][0](False)
    assert diagnose(Tape.load(tape.save(tmp_path / "tape.jsonl"))) == diagnose(tape) != []
