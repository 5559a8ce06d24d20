"""A tape read once, connection by connection: what rules look at.

An fd is a number that the kernel gives to one connection after another. A Life is one of them, from its first
event to its close, with a Row for each iteration that told of it or called on it. It knows nothing of rules.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from labkit.tape.iteration import Iteration
from labkit.tape.turn import SYSTEM_CALLS, Account, Call, Event, Queues

NOTHING = Event(0)


@dataclass(frozen=True, slots=True)
class Brief:
    """An iteration without its tables, so that a long tape can be kept."""

    index: int
    at_ns: int
    timeout: float | None
    stepped: bool
    asleep_ns: int
    awake_ns: int
    cpu_ns: int
    interest: int  # how many fds it asked about
    ready: Mapping[int, Event]
    calls: tuple[Call, ...]
    errors: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class Row:
    """What one iteration was for one connection.

    `queues` and `account` are of its end; `at_close` of the moment before its close, if it was closed then.
    `backlog` is how many connections waited at a listener.
    `later` is the next iteration on the tape and `asks_later` what that asks of the connection; None: there
    is no next one, or the connection is closed.
    """

    turn: Brief
    asked: Event
    ready: Event
    calls: list[Call] = field(default_factory=list)
    queues: Queues | None = None
    account: Account | None = None
    at_close: Queues | None = None
    backlog: int | None = None
    later: Brief | None = None
    asks_later: Event | None = None

    @property
    def index(self) -> int:
        return self.turn.index

    def named(self, *names: str) -> list[Call]:
        """Its calls of these names, in order."""
        return [call for call in self.calls if call.name in names]

    @property
    def closed(self) -> bool:
        return any(call.name == "close" for call in self.calls)

    @property
    def held(self) -> int | None:
        """Bytes in the program's write buffer at its end; None: unknown."""
        return self.queues.write_buffer if self.queues else None


@dataclass(slots=True)
class Life:
    """One connection, or listener: its fd, its name, and its rows in order.

    `told` says whether this tape records the calls on it: without that, no call is no fact.
    """

    fd: int
    name: str
    rows: list[Row] = field(default_factory=list)
    told: bool = False
    closed: bool = False

    def row(self, turn: Brief, asked: Event, ready: Event = NOTHING) -> Row:
        if not self.rows or self.rows[-1].turn is not turn:
            self.rows.append(Row(turn, asked, ready))
        return self.rows[-1]


class History:
    """Everything on a tape: `turns` in order, and the `lives` of its connections."""

    def __init__(self, tape: Iterable[Iteration]) -> None:
        self.turns: list[Brief] = []
        self.lives: list[Life] = []
        self._open: dict[int, Life] = {}
        touched: list[tuple[Life, Row]] = []
        for it in tape:
            turn = _brief(it)
            self.turns.append(turn)
            for life, row in touched:
                if not life.closed:
                    row.later, row.asks_later = turn, it.interest.get(life.fd, NOTHING)
            touched = self._read(it, turn)

    @property
    def first(self) -> int:
        """The index of the first iteration that is on the tape."""
        return self.turns[0].index if self.turns else 0

    @property
    def end(self) -> int:
        """The index of the last iteration; −1 of an empty tape."""
        return self.turns[-1].index if self.turns else -1

    def _read(self, it: Iteration, turn: Brief) -> list[tuple[Life, Row]]:
        touched: dict[int, tuple[Life, Row]] = {}  # by id of the life

        def touch(life: Life) -> Row:
            row = life.row(turn, it.interest.get(life.fd, NOTHING))
            touched[id(life)] = (life, row)
            return row

        closed: list[Life] = []

        def note(call: Call) -> None:
            unnumbered = call.fd < 0 and bool(closed)  # −1: a closed socket's number
            life = closed[-1] if unnumbered else self._whose(it, call)
            touch(life).calls.append(call)
            if call.name in SYSTEM_CALLS:
                life.told = True
            if call.name == "close":
                life.closed = True
                closed.append(life)
            if call.name == "accept" and call.result is not None and not call.errno:
                self._begin(it, call.result).told = True

        before = [call for call in it.calls if call.at_ns < 0]  # made before the first wait
        for call in before:
            note(call)
        for fd, events in it.ready.items():
            touch(self._life(it, fd)).ready = events
        for call in it.calls[len(before) :]:
            note(call)
        for life, row in touched.values():
            if not life.closed:
                life.name = spoken(it.name(life.fd))
            _measure(it, life, row)
        return list(touched.values())

    def _life(self, it: Iteration, fd: int) -> Life:
        life = self._open.get(fd)
        if life is None or life.closed:
            life = self._begin(it, fd)
        return life

    def _begin(self, it: Iteration, fd: int) -> Life:
        life = self._open[fd] = Life(fd, spoken(it.name(fd)))
        self.lives.append(life)
        return life

    def _whose(self, it: Iteration, call: Call) -> Life:
        """The life that a call belongs to. After a close the number may be somebody else's already."""
        life = self._open.get(call.fd)
        dead = call.errno == errno.EBADF or call.name not in SYSTEM_CALLS
        if life is not None and life.closed and dead and life.rows[-1].index == it.index:
            return life
        return self._life(it, call.fd)


def spoken(name: str) -> str:
    """A name as a sentence calls it: of “to 127.0.0.1:6379” that is the connection to there."""
    return f"the connection {name}" if name.startswith(("to ", "from ", "with ")) else name


def _brief(it: Iteration) -> Brief:
    return Brief(
        it.index,
        it.at_ns,
        it.timeout,
        it.stepped,
        it.asleep_ns,
        it.awake_ns,
        it.cpu_ns,
        len(it.interest),
        it.ready,
        it.calls,
        it.errors,
    )


def _measure(it: Iteration, life: Life, row: Row) -> None:
    if not life.closed:
        row.queues, row.account = it.queues.get(life.fd), it.accounts.get(life.fd)
        row.backlog = it.backlog.get(life.fd)
        return
    close = next((at for at, call in enumerate(it.calls) if call.name == "close" and call.fd == life.fd), 0)
    for moment in it.moments:
        if moment.fd == life.fd and moment.after <= close + 1:
            row.at_close, row.account = moment.queues, moment.account


def streaks(rows: Sequence[Row], holds: Callable[[Row], bool]) -> Iterator[list[Row]]:
    """The longest runs of rows in consecutive iterations for which `holds` is true."""
    run: list[Row] = []
    for row in rows:
        if run and (row.index != run[-1].index + 1 or not holds(row)):
            yield run
            run = []
        if holds(row):
            run.append(row)
    if run:
        yield run
