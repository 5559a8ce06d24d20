"""diagnose(): every rule on one tape. To add a rule, write a function History → findings and name it here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from labkit.diagnosis.finding import Finding
from labkit.diagnosis.history import History
from labkit.diagnosis.losses import (
    exact_multiple,
    half_close,
    lost_tail,
    partial_write_lost,
    sent_after_close,
    stranded_backlog,
    stranded_data,
    wrong_handler,
)
from labkit.diagnosis.spins import (
    busy_polling,
    emfile_spin,
    eof_spin,
    starved,
    unread,
    write_spin,
)
from labkit.diagnosis.waits import (
    blocking,
    greedy,
    nagle,
    never_reads,
    quadratic,
    unbounded,
)
from labkit.tape.iteration import Iteration

Rule = Callable[[History], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    busy_polling,
    write_spin,
    eof_spin,
    emfile_spin,
    unread,
    starved,
    partial_write_lost,
    sent_after_close,
    stranded_data,
    stranded_backlog,
    exact_multiple,
    half_close,
    lost_tail,
    wrong_handler,
    blocking,
    greedy,
    nagle,
    unbounded,
    never_reads,
    quadratic,
)


def diagnose(tape: Iterable[Iteration]) -> list[Finding]:
    """What is wrong with the loop on `tape`, in the order in which it begins; nothing where it is healthy.

    Any Tape will do: a lab's, a watched program's, one that was loaded. It is read once and not changed.
    """
    history = History(tape)
    found = [_capital(finding) for rule in RULES for finding in rule(history)]
    return sorted(found, key=lambda finding: (finding.first, finding.last))


def _capital(finding: Finding) -> Finding:
    """Its first word with a capital; somebody's name, or a call's, is as it is."""
    return replace(finding, what=f"T{finding.what[1:]}") if finding.what.startswith("the ") else finding
