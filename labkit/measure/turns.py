"""The turns of tapes beside each other, a row each: how long it might sleep, what was ready, what it called.

It reads tapes, and knows nothing of who recorded them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import NamedTuple

import labkit.measure.html as html
from labkit.tape.iteration import Iteration
from labkit.tape.narrate import duration
from labkit.tape.tape import Tape

CLIENT = "client"  # how watched loops name whom they accepted: "client :40112"


class Turn(NamedTuple):
    """What one turn had to do with the accepted connections, or with all that it watched."""

    at: int  # its index on the tape
    timeout: float | None
    ready: tuple[str, ...]
    calls: tuple[str, ...]

    def cells(self) -> list[str]:
        return [limit(self.timeout), ", ".join(self.ready) or "–", ", ".join(self.calls) or "–"]


class Turns(dict[str, list[Turn]]):
    """{name of a program: its turns}, drawn under one heading each, side by side."""

    def _repr_html_(self) -> str:
        head = [cell for name in self for cell in (f"{name}: timeout", "ready", "called, bytes")]
        rows = [
            [html.text(cell) for turn in row for cell in (turn.cells() if turn else [""] * 3)]
            for row in zip_longest(*self.values())
        ]
        return html.table(head, rows)

    def __repr__(self) -> str:
        told = [f"{name}: {' | '.join(turn.cells())}" for name, turns in self.items() for turn in turns]
        return "\n".join(told)


def limit(timeout: float | None) -> str:
    """The timeout of a wait in words."""
    if timeout is None:
        return "no limit"
    return duration(round(timeout * 1e9)) if timeout > 0 else "0"


def side_by_side(tapes: Mapping[str, Tape]) -> Turns:
    """The turns from the first to the last recv or send of an accepted connection."""
    return Turns((name, [_turn(it) for it in conversation(tape)]) for name, tape in tapes.items())


def conversation(tape: Tape) -> list[Iteration]:
    """Those turns of a tape."""
    busy = [at for at, it in enumerate(tape) if any(_moved(it))]
    return list(tape)[busy[0] : busy[-1] + 1] if busy else []


def calls_of(tape: Tape) -> list[tuple[str, int | None]]:
    """Every recv and send of the accepted connections in order: (name, bytes)."""
    return [call for it in tape for call in _moved(it)]


def _moved(it: Iteration) -> Iterator[tuple[str, int | None]]:
    for call in it.calls:
        if call.name in ("recv", "send") and it.name(call.fd).startswith(CLIENT):
            yield call.name, call.result


def _turn(it: Iteration) -> Turn:
    ready = tuple("client" if it.name(fd).startswith(CLIENT) else it.name(fd) for fd in it.ready)
    return Turn(it.index, it.timeout, ready, tuple(f"{name} {size}" for name, size in _moved(it)))
