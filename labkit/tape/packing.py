"""A turn of a loop as it is written, and how it is read back as an Iteration.

A Record holds plain values and only what is new: what stands from before is in a Snapshot, and a Reader puts
the two together for the turns that somebody asks for. Where a value stands in a record is known here alone.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from errno import EBADF
from operator import index
from typing import Any, NamedTuple

from labkit.tape.iteration import Iteration
from labkit.tape.text import printable
from labkit.tape.turn import EVENTS, Account, Call, Capacity, Contents, Moment, Poke, Queues


class Changes(NamedTuple):
    """The part of a record that most turns do not have."""

    interest: tuple[tuple[int, int], ...] = ()  # (fd, events asked from now on), 0: no longer
    gone: tuple[int, ...] = ()  # fds that were closed
    names: tuple[tuple[int, str, tuple[int | None, ...] | None], ...] = ()
    pokes: tuple[tuple[Any, ...], ...] = ()
    errors: tuple[tuple[int, str], ...] = ()
    moments: tuple[tuple[Any, ...], ...] = ()  # the fields of Moment
    contents: tuple[tuple[int, tuple[bytes | None, ...]], ...] = ()  # (fd, the fields of Contents)
    backlog: tuple[tuple[int, int], ...] = ()  # (fd of a listener, connections that wait)


class Record(NamedTuple):
    """One turn as it is written: plain values, only what is new. The tuples are flat."""

    at_ns: int
    timeout: float | None
    ready: tuple[int, ...]  # fd, events, …
    asleep_ns: int
    awake_ns: int
    cpu_ns: int
    thread: int
    calls: tuple[Any, ...]  # the fields of Call, …
    samples: tuple[Any, ...]  # fd, the fields of Queues, the fields of Account as a tuple or None, …
    stepped: bool
    changes: tuple[Any, ...] | None = None  # the fields of Changes


CALLS, SAMPLES, STEPPED = (Record._fields.index(name) for name in ("calls", "samples", "stepped"))
FLAT = {"ready": 2, "calls": len(Call._fields), "samples": 2 + len(Queues._fields)}


def changes(**fields: Iterable[Any]) -> tuple[Any, ...]:
    """Some fields of Changes as they are kept: a plain tuple, which marshal takes."""
    return tuple(Changes(**fields))  # type: ignore[arg-type]


# ---- the calls of a turn: flat, the fields of Call one after another --------------------------------------

CALL = len(Call._fields)
RESULT, ERRNO, AT = (Call._fields.index(name) for name in ("result", "errno", "at_ns"))


def how_many(calls: Sequence[Any]) -> int:
    return len(calls) // CALL


def fds_of(calls: Sequence[Any]) -> Sequence[Any]:
    return calls[::CALL]


def since(woke: int, calls: list[Any]) -> tuple[Any, ...]:
    """`calls`, their times counted from when the loop woke."""
    for at in range(AT, len(calls), CALL):
        calls[at] -= woke
    return tuple(calls)


def moved(calls: Sequence[Any]) -> Iterator[tuple[int, bool, int]]:
    """(fd, whether it was sent, bytes) of each call that moved any."""
    for fd, name, _, result, _, _ in rows(calls, CALL):
        if result and name in ("recv", "send"):
            yield fd, name == "send", result


def taken_again(calls: Sequence[Any], closed: Container[int]) -> set[int]:
    """Those of `closed` whose number went to another connection after they were closed in these calls."""
    free: set[int] = set()
    again: set[int] = set()
    for fd, name, _, result, errno, _ in rows(calls, CALL):
        if name == "close" and fd in closed:
            free.add(fd)
        elif name == "accept" and result in free:
            again.add(result)
        elif name == "connect" and fd in free and errno != EBADF:  # else the closed one has tried
            again.add(fd)
    return again


def enclose(calls: list[Any], end: int, errno: int) -> None:
    """The method whose row ends at `end` made all the calls after it; it is over."""
    if end > len(calls):  # the turn was written meanwhile
        return
    calls[end - CALL + RESULT] = (len(calls) - end) // CALL
    if errno:
        calls[end - CALL + ERRNO] = errno


def each_sample(samples: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The samples of a turn, one fd after another."""
    return rows(samples, FLAT["samples"])


def rows(flat: Sequence[Any], width: int) -> Iterator[tuple[Any, ...]]:
    return zip(*[iter(flat)] * width, strict=True)


TABLES = ("interest", "held", "names", "capacity", "contents", "backlog")


class Snapshot:
    """What holds until something changes it: the interest set, the bytes held, the names."""

    __slots__ = ("backlog", "capacity", "changed", "contents", "held", "interest", "names")

    def __init__(self, other: Snapshot | None = None) -> None:
        self.changed: set[str] = set(TABLES)  # tables, since copy_sharing()
        self.interest: dict[int, int] = dict(other.interest) if other else {}
        self.held: dict[int, tuple[Any, ...]] = dict(other.held) if other else {}
        self.names: dict[int, str] = dict(other.names) if other else {}
        self.capacity: dict[int, tuple[Any, ...]] = dict(other.capacity) if other else {}
        self.contents: dict[int, tuple[bytes | None, ...]] = dict(other.contents) if other else {}
        self.backlog: dict[int, int] = dict(other.backlog) if other else {}

    def copy_sharing(self, last: Snapshot) -> Snapshot:
        """A copy that has the very tables of the copy `last` where nothing has changed: write to neither."""
        copy = Snapshot()
        for name in TABLES:
            table = getattr(self, name)
            setattr(copy, name, dict(table) if name in self.changed else getattr(last, name))
        self.changed.clear()
        return copy

    def _apply(self, changes: tuple[Any, ...]) -> None:
        """Take in what a turn changed, before its samples."""
        interest, gone, names, _, _, _, contents, backlog = changes
        if interest:
            self.changed.add("interest")
        for fd, events in interest:
            if events:
                self.interest[fd] = events
            else:
                self.interest.pop(fd, None)
        if not (gone or names or contents or backlog):
            return
        self.changed.update(TABLES)
        for fd in gone:
            for table in (self.held, self.names, self.capacity, self.contents, self.backlog):
                table.pop(fd, None)
        self.backlog.update(backlog)
        self.contents.update(contents)
        for fd, name, capacity in names:
            self.names[fd] = printable(name)
            if capacity:
                self.capacity[fd] = capacity

    def forget_contents(self) -> None:
        """The bytes themselves stand in a stepped turn only."""
        if self.contents:
            self.contents.clear()
            self.changed.add("contents")

    def take(self, records: Iterable[tuple[Any, ...]]) -> set[int]:
        """Take in some turns, one after another; the fds whose numbers they have changed."""
        samples: list[Any] = []
        fresh: set[int] = set()
        for record in records:
            if not record[STEPPED]:
                self.forget_contents()
            if record[-1] is not None:
                fresh.update(self._hold(samples))
                samples = []
                self._apply(record[-1])
            samples += record[SAMPLES]
        fresh.update(self._hold(samples))
        return fresh

    def _hold(self, samples: list[Any]) -> list[Any]:
        width = FLAT["samples"]
        if samples:
            self.changed.add("held")
        fds, *held = (samples[at::width] for at in range(width))
        self.held.update(zip(fds, zip(*held, strict=True), strict=True))
        return fds


def number(value: Any) -> Any:
    """The nearest plain number: an int of an IntEnum, a float of a Fraction, None of what is none (NaN)."""
    if value is None or value.__class__ is int:
        return value
    for nearest in (lambda value: int(index(value)), float):
        try:
            found = nearest(value)
            return found if found == found else None
        except Exception:  # another program's value may raise anything
            continue
    return None


def plain(value: Any) -> Any:
    """The nearest value that a tape can keep: somebody's own kind of number or text is a number or text."""
    kind = type(value)
    if value is None or kind in (int, float, str, bytes, bool):
        return value
    if isinstance(value, list | tuple):
        return kind(map(plain, value)) if kind in (list, tuple) else tuple(map(plain, value))
    for convert in (index, str if isinstance(value, str) else float, str):
        try:
            return convert(value)
        except (TypeError, ValueError, OverflowError):
            continue
    return repr(type(value))


class Shared(dict[int, Any]):
    """A dict that hands out copies of itself, the same one until it changes."""

    copied: dict[int, Any] | None = None

    def put(self, values: Mapping[int, Any]) -> None:
        if values:
            self.update(values)
            self.copied = None

    def drop(self, fds: Iterable[int]) -> None:
        for fd in fds:
            if self.pop(fd, None) is not None:
                self.copied = None

    def copy_of(self) -> dict[int, Any]:
        if self.copied is None:
            self.copied = dict(self)
        return self.copied


class Reader:
    """Turns the records of one chunk into Iterations: those that are asked for, and no others."""

    def __init__(self, first: int, base: Snapshot) -> None:
        self.first, self.base = first, base
        self.records: list[tuple[Any, ...]] = []
        self._turns: dict[int, Iteration] = {}
        self._rewind()

    def _rewind(self) -> None:
        base = self.base
        self._at = 0  # how many records the tables below have taken in
        self._interest = Shared((fd, EVENTS[events]) for fd, events in base.interest.items())
        self._queues = Shared((fd, Queues(*held[:4])) for fd, held in base.held.items())
        self._accounts = Shared((fd, Account(*held[4])) for fd, held in base.held.items() if held[4])
        self._names = Shared(base.names)
        self._capacity = Shared((fd, Capacity(*capacity)) for fd, capacity in base.capacity.items())
        self._contents = Shared((fd, Contents(*contents)) for fd, contents in base.contents.items())
        self._backlog = Shared(base.backlog)
        self._leaving: tuple[int, ...] = ()  # closed in the last turn, which still calls them by name

    def turn(self, offset: int) -> Iteration:
        """The Iteration of records[offset]. Forward is cheap; backward starts from the base again."""
        if offset not in self._turns:
            if offset < self._at:
                self._rewind()
            while self._at <= offset:
                self._take(self.records[self._at])
                self._at += 1
            room = max(64, 200_000 // (len(self._interest) + 1))
            while len(self._turns) >= room:
                del self._turns[next(iter(self._turns))]
            self._turns[offset] = self._made(self.first + offset, self.records[offset])
        return self._turns[offset]

    def _take(self, record: tuple[Any, ...]) -> None:
        *_, samples, stepped, changes = record
        self._names.drop(self._leaving)
        if not stepped:
            self._contents.drop(tuple(self._contents))
        self._leaving = ()
        if changes is not None:
            self._change(Changes(*changes))
        if samples:
            held = tuple(rows(samples, 6))
            self._queues.put({fd: Queues(*queues) for fd, *queues, _ in held})
            self._accounts.put({fd: Account(*account) for fd, *_, account in held if account})

    def _change(self, changes: Changes) -> None:
        self._interest.put({fd: EVENTS[events] for fd, events in changes.interest if events})
        self._interest.drop(fd for fd, events in changes.interest if not events)
        for table in (self._queues, self._accounts, self._capacity, self._contents, self._backlog):
            table.drop(changes.gone)
        self._backlog.put(dict(changes.backlog))
        self._contents.put({fd: Contents(*contents) for fd, contents in changes.contents})
        named_anew = {fd for fd, _, _ in changes.names}
        self._leaving = tuple(fd for fd in changes.gone if fd not in named_anew)
        self._names.put({fd: printable(name) for fd, name, _ in changes.names})
        self._capacity.put({fd: Capacity(*capacity) for fd, _, capacity in changes.names if capacity})

    def _made(self, index: int, record: tuple[Any, ...]) -> Iteration:
        at, timeout, ready, waited, handled, cpu, thread, calls, _, stepped, changes = record
        more = Changes(*changes) if changes is not None else Changes()
        return Iteration(
            index=index,
            at_ns=at,
            timeout=timeout,
            interest=self._interest.copy_of(),
            ready={fd: EVENTS[events] for fd, events in rows(ready, 2)},
            asleep_ns=waited,
            awake_ns=handled,
            cpu_ns=cpu,
            thread=thread,
            calls=tuple(map(Call._make, rows(calls, 6))),
            queues=self._queues.copy_of(),
            accounts=self._accounts.copy_of(),
            names=self._names.copy_of(),
            capacity=self._capacity.copy_of(),
            pokes=tuple(Poke(printable(who), *poke) for who, *poke in more.pokes),
            errors=tuple((fd, printable(text)) for fd, text in more.errors),
            moments=tuple(map(_moment, more.moments)),
            stepped=stepped,
            contents=self._contents.copy_of(),
            backlog=self._backlog.copy_of(),
        )


def _moment(fields: tuple[Any, ...]) -> Moment:
    after, fd, queues, account, contents = fields
    return Moment(after, fd, Queues(*queues), account and Account(*account), contents and Contents(*contents))
