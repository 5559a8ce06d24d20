"""diagnose(): every rule on one tape. To add a rule, write a function History → findings and name it here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from labkit.diagnosis import losses, spins, waits
from labkit.diagnosis.finding import Finding
from labkit.diagnosis.history import History
from labkit.tape.iteration import Iteration

Rule = Callable[[History], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    spins.busy_polling,
    spins.write_spin,
    spins.eof_spin,
    spins.emfile_spin,
    spins.unread,
    spins.starved,
    losses.partial_write_lost,
    losses.sent_after_close,
    losses.stranded_data,
    losses.stranded_backlog,
    losses.exact_multiple,
    losses.half_close,
    losses.lost_tail,
    losses.wrong_handler,
    waits.blocking,
    waits.greedy,
    waits.nagle,
    waits.unbounded,
    waits.never_reads,
    waits.quadratic,
)


def diagnose(tape: Iterable[Iteration]) -> list[Finding]:
    """What is wrong with the loop on `tape`, in the order in which it begins; nothing where it is healthy.

    Any Tape will do: a lab's, a watched program's, one that was loaded. It is read once and not changed.
    """
    history = History(tape)
    found = [finding for rule in RULES for finding in rule(history)]
    return sorted(found, key=lambda finding: (finding.first, finding.last))
