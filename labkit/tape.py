"""The record of a loop: one Iteration a turn, on a Tape that a loop writes and anybody may read meanwhile.

A tape is written as plain tuples, packed a chunk at a time, and read as frozen records. What did not change
is not written again: a chunk begins with the interest set and the queues as they stood, and every turn adds
what moved. The tape knows nothing of sockets, selectors or figures.
"""

from __future__ import annotations

import json
import marshal
import threading
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

from labkit.iteration import EVENTS, Account, Call, Capacity, Iteration, Moment, Poke, Queues

FORMAT = 1  # the version that save() writes and load() reads
CHUNK = 512  # a chunk is packed when it holds this many turns and calls, or as many as there are fds
LIMIT = 64 * 2**20  # bytes of packed chunks that a tape keeps by default


class Extra(NamedTuple):
    """The part of a record that most turns do not have."""

    changes: tuple[tuple[int, int], ...] = ()  # (fd, events asked from now on), 0: no longer
    gone: tuple[int, ...] = ()  # fds that were closed
    names: tuple[tuple[int, str, tuple[int | None, ...] | None], ...] = ()
    pokes: tuple[tuple[Any, ...], ...] = ()
    errors: tuple[tuple[int, str], ...] = ()
    moments: tuple[tuple[Any, ...], ...] = ()


class Record(NamedTuple):
    """One turn as it is written: plain values, times absolute, only what is new. The tuples are flat."""

    at_ns: int
    timeout: float | None
    ready: tuple[int, ...]  # fd, events, …
    waited_ns: int
    handled_ns: int
    cpu_ns: int
    thread: int
    calls: tuple[Any, ...]  # the fields of Call, …
    samples: tuple[Any, ...]  # fd, the fields of Queues, the fields of Account as a tuple or None, …
    extra: tuple[Any, ...] | None = None


FLAT = {"ready": 2, "calls": len(Call._fields), "samples": 2 + len(Queues._fields)}


def _rows(flat: Sequence[Any], width: int) -> Iterator[tuple[Any, ...]]:
    return zip(*[iter(flat)] * width, strict=True)


class _Standing:
    """What holds until something changes it: the interest set, the bytes held, the names."""

    __slots__ = ("capacity", "held", "interest", "names")

    def __init__(self, other: _Standing | None = None) -> None:
        self.interest: dict[int, int] = dict(other.interest) if other else {}
        self.held: dict[int, tuple[Any, ...]] = dict(other.held) if other else {}
        self.names: dict[int, str] = dict(other.names) if other else {}
        self.capacity: dict[int, tuple[Any, ...]] = dict(other.capacity) if other else {}

    def apply(self, extra: Extra) -> None:
        """Take in what a turn changed, before its samples."""
        for fd, events in extra.changes:
            if events:
                self.interest[fd] = events
            else:
                self.interest.pop(fd, None)
        for fd in extra.gone:
            for table in (self.held, self.names, self.capacity):
                table.pop(fd, None)
        for fd, name, capacity in extra.names:
            self.names[fd] = name
            if capacity:
                self.capacity[fd] = capacity


class _Chunk(NamedTuple):
    first: int
    turns: int
    base: _Standing
    packed: bytes


def _unpacked(chunk: _Chunk) -> list[tuple[Any, ...]]:
    records: list[tuple[Any, ...]] = marshal.loads(zlib.decompress(chunk.packed))
    return records


class Tape(Sequence[Iteration]):
    """The iterations of a loop, oldest first; a ring that keeps the newest `limit` bytes.

    `tape[0]` is the oldest that is kept, `tape[-1]` the newest, `dropped` how many the ring let go; an
    iteration's own `index` counts from the start of the loop. One thread writes; any thread may read.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit} bytes; give the tape at least 1, or leave it at {LIMIT:,}")
        self.limit = limit
        self.dropped = 0
        self.about: dict[str, str] = {}  # what a reader should know of the loop, such as its selector's name
        self._lock = threading.Lock()
        self._chunks: deque[_Chunk] = deque()
        self._bytes = 0
        self._standing = _Standing()
        self._base = _Standing()
        self._first = 0  # index of the open chunk's first turn
        self._open: list[tuple[Any, ...]] = []
        self._weight = self._settled = 0
        self._readers: dict[int, _Reader] = {}

    # ---- writing: one thread -------------------------------------------------------------------------

    def append(self, record: tuple[Any, ...]) -> None:
        """Add a turn, in the form of Record."""
        if record[9] is not None:
            self._settle()
            self._standing.apply(Extra(*record[9]))
        self._open.append(record)
        self._weight += 1 + len(record[7]) // 6
        if self._weight > CHUNK + len(self._standing.held):
            self._seal()

    def _settle(self) -> None:
        """Let the samples of the open chunk, as far as that was not done, stand as what the fds hold now."""
        unsettled = self._open[self._settled :]
        self._settled = len(self._open)
        flat = [value for record in unsettled for value in record[8]]
        self._standing.held.update(
            zip(flat[::6], zip(*(flat[at::6] for at in range(1, 6)), strict=True), strict=True)
        )

    def _seal(self) -> None:
        self._settle()
        packed = zlib.compress(marshal.dumps(self._open), 1)
        chunk = _Chunk(self._first, len(self._open), self._base, packed)
        with self._lock:
            self._chunks.append(chunk)
            self._bytes += len(packed)
            self._first += len(self._open)
            self._open, self._weight, self._settled = [], 0, 0
            self._base = _Standing(self._standing)
            while self._bytes > self.limit and len(self._chunks) > 1:
                gone = self._chunks.popleft()
                self._bytes -= len(gone.packed)
                self.dropped += gone.turns

    # ---- reading: any thread -------------------------------------------------------------------------

    def __len__(self) -> int:
        with self._lock:
            return self._first + len(self._open) - self.dropped

    @property
    def nbytes(self) -> int:
        """Bytes of the packed turns, without the open chunk."""
        return self._bytes

    @overload
    def __getitem__(self, at: int) -> Iteration: ...
    @overload
    def __getitem__(self, at: slice) -> list[Iteration]: ...
    def __getitem__(self, at: int | slice) -> Iteration | list[Iteration]:
        length = len(self)
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(length))]
        if not -length <= at < length:
            raise IndexError(f"the tape has {length} iterations; there is no tape[{at}]")
        return self.iteration(self.dropped + at % length)

    def __iter__(self) -> Iterator[Iteration]:
        index = self.dropped
        while index < self.dropped + len(self):
            index = max(index, self.dropped)
            yield self.iteration(index)
            index += 1

    def iteration(self, index: int) -> Iteration:
        """The turn whose own index is `index`; IndexError if it is not, or no longer, on the tape."""
        with self._lock:
            if not self.dropped <= index < self._first + len(self._open):
                raise IndexError(
                    f"iteration {index} is not on the tape: it holds {self.dropped} to "
                    f"{self._first + len(self._open) - 1}"
                )
            if index >= self._first:
                first, base = self._first, self._base
                reader = self._readers.get(first)
                records: list[Any] = self._open[reader.read if reader else 0 :]
            else:
                chunk = self._find(index)
                first, base = chunk.first, chunk.base
                reader = self._readers.get(first)
                missing = reader is None or first + reader.read <= index
                records = _unpacked(chunk)[reader.read if reader else 0 :] if missing else []
            if reader is None:
                while len(self._readers) >= 4:
                    del self._readers[next(iter(self._readers))]
                reader = self._readers[first] = _Reader(first, base)
            reader.take(records)
            return reader.turns[index - first]

    def _find(self, index: int) -> _Chunk:
        low, high = 0, len(self._chunks) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._chunks[middle].first <= index:
                low = middle
            else:
                high = middle - 1
        return self._chunks[low]

    # ---- files ---------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write the tape as JSON lines: a header, then one object an iteration. Returns the path."""
        path = Path(path)
        with self._lock:
            chunks, base = list(self._chunks), self._chunks[0].base if self._chunks else self._base
            records, dropped = list(self._open), self.dropped
        with path.open("w") as file:
            standing = {name: getattr(base, name) for name in _Standing.__slots__}
            header = {"labkit-tape": FORMAT, "about": self.about, "dropped": dropped, "standing": standing}
            file.write(json.dumps(header) + "\n")
            packed: Iterable[Any] = (turn for chunk in chunks for turn in _unpacked(chunk))
            for index, record in enumerate([*packed, *records], dropped):
                file.write(json.dumps(_to_json(index, record)) + "\n")
        return path

    @classmethod
    def load(cls, path: str | Path, limit: int = LIMIT) -> Tape:
        """Read a tape that save() wrote; ValueError names the line that is not one, and what is wrong."""
        path = Path(path)
        tape = cls(limit)
        with path.open(encoding="utf-8", errors="replace") as file:
            number, line = 1, file.readline()
            try:
                header = json.loads(line)
                version = header["labkit-tape"]
                if version != FORMAT:
                    raise ValueError(f"format {version}; this labkit reads format {FORMAT}")
                tape._restore(header)
                for number, line in enumerate(file, 2):  # noqa: B007 - named in the error
                    tape.append(_from_json(tape._first + len(tape._open), json.loads(line)))
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
                what = "it is cut short" if line and not line.endswith("\n") else _reason(error)
                raise ValueError(
                    f"{path}, line {number}: not a labkit tape from here on ({what}). "
                    "Save it again with tape.save(), or delete this line and all after it."
                ) from error
        return tape

    def _restore(self, header: dict[str, Any]) -> None:
        self.dropped = self._first = int(header["dropped"])
        self.about = {str(key): str(value) for key, value in header["about"].items()}
        for name in _Standing.__slots__:
            table = {int(fd): _freeze(value) for fd, value in header["standing"][name].items()}
            setattr(self._standing, name, table)
        self._base = _Standing(self._standing)


def _reason(error: Exception) -> str:
    return f"no {error} in it" if isinstance(error, KeyError) else str(error)


def _freeze(value: Any) -> Any:
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value


def _to_json(index: int, record: tuple[Any, ...]) -> dict[str, Any]:
    row = {"index": index, **Record(*record)._asdict()}
    extra = row.pop("extra")
    row |= {name: list(_rows(row[name], width)) for name, width in FLAT.items()}
    if extra is not None:
        row |= {name: value for name, value in Extra(*extra)._asdict().items() if value}
    return row


def _from_json(index: int, row: dict[str, Any]) -> tuple[Any, ...]:
    if row["index"] != index:
        raise ValueError(f"iteration {row['index']} stands where {index} should")
    extra = tuple(_freeze(row.get(name, [])) for name in Extra._fields)
    row = row | {name: [value for line in row[name] for value in line] for name in FLAT}
    values = [_freeze(row[name]) for name in Record._fields[:-1]]
    record = (*values, extra if any(extra) else None)
    _Reader(index, _Standing()).take([record])  # a malformed record fails here, with its line's number
    return record


class _Reader:
    """Turns the records of one chunk into Iterations, as far as it was asked to."""

    def __init__(self, first: int, base: _Standing) -> None:
        self.first = first
        self.turns: list[Iteration] = []
        self.asked = {fd: EVENTS[events] for fd, events in base.interest.items()}
        self.queues = {fd: Queues(*held[:4]) for fd, held in base.held.items()}
        self.accounts = {fd: Account(*held[4]) for fd, held in base.held.items() if held[4]}
        self.names = dict(base.names)
        self.leaving: tuple[int, ...] = ()  # closed in the turn just read, which still calls them by name
        self.capacity = {fd: Capacity(*capacity) for fd, capacity in base.capacity.items()}

    @property
    def read(self) -> int:
        return len(self.turns)

    def take(self, records: Iterable[tuple[Any, ...]]) -> None:
        for record in records:
            at, timeout, ready, waited, handled, cpu, thread, calls, samples, extra = record
            more = Extra(*extra) if extra is not None else Extra()
            if self.leaving:
                self._without(self.leaving, "names")
                self.leaving = ()
            if extra is not None:
                self._apply(more)
            if samples:
                held = tuple(_rows(samples, 6))
                self.queues = self.queues | {fd: Queues(*queues) for fd, *queues, _ in held}
                counted = {fd: Account(*account) for fd, *_, account in held if account}
                if counted:
                    self.accounts = self.accounts | counted
            woke = at + waited
            turn = Iteration(
                index=self.first + len(self.turns),
                at_ns=at,
                timeout=timeout,
                asked=self.asked,
                ready={fd: EVENTS[events] for fd, events in _rows(ready, 2)},
                waited_ns=waited,
                handled_ns=handled,
                cpu_ns=cpu,
                thread=thread,
                calls=tuple(Call._make((*call[:5], call[5] - woke)) for call in _rows(calls, 6)),
                queues=self.queues,
                accounts=self.accounts,
                names=self.names,
                capacity=self.capacity,
                pokes=tuple(Poke(*poke) for poke in more.pokes),
                errors=tuple((fd, text) for fd, text in more.errors),
                moments=tuple(
                    Moment(after, fd, Queues(*queues), Account(*account) if account else None)
                    for after, fd, queues, account in more.moments
                ),
            )
            self.turns.append(turn)

    def _apply(self, extra: Extra) -> None:
        if extra.changes:
            asked = dict(self.asked)
            for fd, events in extra.changes:
                if events:
                    asked[fd] = EVENTS[events]
                else:
                    asked.pop(fd, None)
            self.asked = asked
        if extra.gone:
            self._without(extra.gone, "queues", "accounts", "capacity")
            named_anew = {fd for fd, _, _ in extra.names}
            self.leaving = tuple(fd for fd in extra.gone if fd not in named_anew)
        if extra.names:
            self.names = self.names | {fd: name for fd, name, _ in extra.names}
            known = {fd: Capacity(*capacity) for fd, _, capacity in extra.names if capacity}
            self.capacity = self.capacity | known

    def _without(self, fds: tuple[int, ...], *tables: str) -> None:
        for table in tables:
            kept = {fd: value for fd, value in getattr(self, table).items() if fd not in fds}
            setattr(self, table, kept)
