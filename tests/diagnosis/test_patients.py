"""Every rule speaks on the server that is ill in its way, silent on its healthy twin and on all others."""

from __future__ import annotations

import functools
import re

import pytest

from labkit import Finding, Tape, diagnose
from labkit.diagnosis.rules import RULES
from tests.diagnosis import ill_losses, ill_spins, ill_waits
from tests.diagnosis.patients import PATIENTS

WARDS = ill_losses, ill_spins, ill_waits


@functools.cache
def findings(name: str, healthy: bool) -> list[Finding]:
    """What is wrong with a patient; it is made once."""
    return diagnose(PATIENTS[name][0](healthy))


@pytest.mark.parametrize("name", PATIENTS)
def test_the_ill_one_has_what_it_has_and_nothing_else(name: str):
    rules = PATIENTS[name][1]
    assert {finding.rule for finding in findings(name, False)} == rules


@pytest.mark.parametrize("name", PATIENTS)
def test_the_healthy_twin_has_nothing(name: str):
    assert findings(name, True) == []


@pytest.mark.parametrize("name", PATIENTS)
def test_a_finding_says_where_and_reads_like_a_sentence(name: str):
    for finding in findings(name, False):
        assert 0 <= finding.first <= finding.last
        assert finding.fd is None or finding.fd > 2
        for text in (finding.what, finding.why, finding.cure):
            assert text.endswith(".") and "  " not in text and "None" not in text and "fd -1" not in text
        assert re.search(r"\(S\d\d\)\.$", finding.why)  # the row of the facts that it rests on


def test_every_rule_has_a_patient():
    rules = {rule for _, rules in PATIENTS.values() for rule in rules}
    assert len(rules) == 17 <= len(RULES)


def test_an_empty_tape_has_nothing():
    assert diagnose(Tape()) == []


@pytest.mark.parametrize(
    "name", ["does_not_read_in_a_lab", "sends_once_in_a_lab", "replies_in_pieces_in_asyncore"]
)
def test_a_tape_that_was_saved_and_loaded_says_the_same(name: str, tmp_path):
    tape = PATIENTS[name][0](False)
    assert diagnose(Tape.load(tape.save(tmp_path / "tape.jsonl"))) == diagnose(tape) != []
