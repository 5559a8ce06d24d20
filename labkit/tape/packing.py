"""A turn of a loop as it is written, and how it is read back as an Iteration.

A Record holds plain values and only what is new: what stands from before is in a Standing, and a Reader puts
the two together for the turns that somebody asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import index
from typing import Any, NamedTuple

from labkit.tape.iteration import Iteration
from labkit.tape.text import printable
from labkit.tape.turn import EVENTS, Account, Call, Capacity, Contents, Moment, Poke, Queues


class Extra(NamedTuple):
    """The part of a record that most turns do not have."""

    changes: tuple[tuple[int, int], ...] = ()  # (fd, events asked from now on), 0: no longer
    gone: tuple[int, ...] = ()  # fds that were closed
    names: tuple[tuple[int, str, tuple[int | None, ...] | None], ...] = ()
    pokes: tuple[tuple[Any, ...], ...] = ()
    errors: tuple[tuple[int, str], ...] = ()
    moments: tuple[tuple[Any, ...], ...] = ()  # the fields of Moment
    contents: tuple[tuple[int, tuple[bytes | None, ...]], ...] = ()  # (fd, the fields of Contents)


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
    extra: tuple[Any, ...] | None = None


FLAT = {"ready": 2, "calls": len(Call._fields), "samples": 2 + len(Queues._fields)}


def rows(flat: Sequence[Any], width: int) -> Iterator[tuple[Any, ...]]:
    return zip(*[iter(flat)] * width, strict=True)


TABLES = ("interest", "held", "names", "capacity", "contents")


class Standing:
    """What holds until something changes it: the interest set, the bytes held, the names."""

    __slots__ = ("capacity", "changed", "contents", "held", "interest", "names")

    def __init__(self, other: Standing | None = None) -> None:
        self.changed: set[str] = set(TABLES)  # tables, since copy_sharing()
        self.interest: dict[int, int] = dict(other.interest) if other else {}
        self.held: dict[int, tuple[Any, ...]] = dict(other.held) if other else {}
        self.names: dict[int, str] = dict(other.names) if other else {}
        self.capacity: dict[int, tuple[Any, ...]] = dict(other.capacity) if other else {}
        self.contents: dict[int, tuple[bytes | None, ...]] = dict(other.contents) if other else {}

    def copy_sharing(self, last: Standing) -> Standing:
        """A copy that has the very tables of the copy `last` where nothing has changed: write to neither."""
        copy = Standing()
        for name in TABLES:
            table = getattr(self, name)
            setattr(copy, name, dict(table) if name in self.changed else getattr(last, name))
        self.changed.clear()
        return copy

    def apply(self, extra: Extra) -> None:
        """Take in what a turn changed, before its samples."""
        if extra.changes:
            self.changed.add("interest")
        if extra.names or extra.gone or extra.contents:
            self.changed.update(TABLES)
        for fd, events in extra.changes:
            if events:
                self.interest[fd] = events
            else:
                self.interest.pop(fd, None)
        for fd in extra.gone:
            for table in (self.held, self.names, self.capacity, self.contents):
                table.pop(fd, None)
        self.contents.update(extra.contents)
        for fd, name, capacity in extra.names:
            self.names[fd] = printable(name)
            if capacity:
                self.capacity[fd] = capacity

    def forget_contents(self) -> None:
        """The bytes themselves stand in a stepped turn only."""
        if self.contents:
            self.contents.clear()
            self.changed.add("contents")

    def settle(self, records: Sequence[tuple[Any, ...]]) -> Sequence[int]:
        """Take in the samples of some turns; the fds that they are of."""
        flat = [value for record in records for value in record[8]]
        if flat:
            self.changed.add("held")
        fds, values = flat[::6], zip(*(flat[at::6] for at in range(1, 6)), strict=True)
        self.held.update(zip(fds, values, strict=True))
        return fds

    def take(self, record: tuple[Any, ...]) -> None:
        """Take in a turn as a whole."""
        *_, stepped, extra = record
        if not stepped:
            self.forget_contents()
        if extra is not None:
            self.apply(Extra(*extra))
        self.settle((record,))


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


class Table(dict[int, Any]):
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

    def __init__(self, first: int, base: Standing) -> None:
        self.first, self.base = first, base
        self.records: list[tuple[Any, ...]] = []
        self._turns: dict[int, Iteration] = {}
        self._rewind()

    def _rewind(self) -> None:
        base = self.base
        self._at = 0  # how many records the tables below have taken in
        self._interest = Table((fd, EVENTS[events]) for fd, events in base.interest.items())
        self._queues = Table((fd, Queues(*held[:4])) for fd, held in base.held.items())
        self._accounts = Table((fd, Account(*held[4])) for fd, held in base.held.items() if held[4])
        self._names = Table(base.names)
        self._capacity = Table((fd, Capacity(*capacity)) for fd, capacity in base.capacity.items())
        self._contents = Table((fd, Contents(*contents)) for fd, contents in base.contents.items())
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
        *_, samples, stepped, extra = record
        self._names.drop(self._leaving)
        if not stepped:
            self._contents.drop(tuple(self._contents))
        self._leaving = ()
        if extra is not None:
            self._change(Extra(*extra))
        if samples:
            held = tuple(rows(samples, 6))
            self._queues.put({fd: Queues(*queues) for fd, *queues, _ in held})
            self._accounts.put({fd: Account(*account) for fd, *_, account in held if account})

    def _change(self, extra: Extra) -> None:
        self._interest.put({fd: EVENTS[events] for fd, events in extra.changes if events})
        self._interest.drop(fd for fd, events in extra.changes if not events)
        for table in (self._queues, self._accounts, self._capacity, self._contents):
            table.drop(extra.gone)
        self._contents.put({fd: Contents(*contents) for fd, contents in extra.contents})
        named_anew = {fd for fd, _, _ in extra.names}
        self._leaving = tuple(fd for fd in extra.gone if fd not in named_anew)
        self._names.put({fd: printable(name) for fd, name, _ in extra.names})
        self._capacity.put({fd: Capacity(*capacity) for fd, _, capacity in extra.names if capacity})

    def _made(self, index: int, record: tuple[Any, ...]) -> Iteration:
        at, timeout, ready, waited, handled, cpu, thread, calls, _, stepped, extra = record
        more = Extra(*extra) if extra is not None else Extra()
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
            moments=tuple(
                Moment(
                    after,
                    fd,
                    Queues(*queues),
                    Account(*account) if account else None,
                    Contents(*contents) if contents else None,
                )
                for after, fd, queues, account, contents in more.moments
            ),
            stepped=stepped,
            contents=self._contents.copy_of(),
        )
