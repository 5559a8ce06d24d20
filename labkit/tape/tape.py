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
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

from labkit.tape.iteration import Iteration
from labkit.tape.packing import FLAT, Extra, Reader, Record, Standing, rows
from labkit.tape.turn import Now

FORMAT = 2  # the version that save() writes; load() reads this one and the one before
RENAMED = {"waited_ns": "asleep_ns", "handled_ns": "awake_ns"}  # what a row of format 1 called them
CHUNK = 512  # a chunk is packed when it holds this many turns and calls, or as many as there are fds
DAMAGED = ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError
SMALL_TURNS = 16  # a chunk of so many is compressed; a loop with larger turns has no time to spare for that
LIMIT = 64 * 2**20  # bytes of packed chunks that a tape keeps by default


class _Chunk(NamedTuple):
    first: int
    turns: int
    base: Standing
    packed: bytes


def _unpacked(chunk: _Chunk) -> list[tuple[Any, ...]]:
    records: list[tuple[Any, ...]] = marshal.loads(
        zlib.decompress(chunk.packed) if chunk.turns >= SMALL_TURNS else chunk.packed
    )
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
        self.ask_now: Callable[[], Now | None] | None = None  # set by whoever can stop the loop
        self._lock = threading.Lock()
        self._chunks: deque[_Chunk] = deque()
        self._bytes = 0
        self._standing = Standing()
        self._base = Standing()
        self._first = 0  # index of the open chunk's first turn
        self._open: list[tuple[Any, ...]] = []
        self._weight = self._settled = 0
        self._readers: dict[int, Reader] = {}

    # ---- writing: one thread -------------------------------------------------------------------------

    def append(self, record: tuple[Any, ...]) -> None:
        """Add a turn, in the form of Record."""
        *_, stepped, extra = record
        if self._standing.contents and not stepped:
            self._standing.contents.clear()
        if extra is not None:
            self._settle()
            self._standing.apply(Extra(*extra))
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
        packed = marshal.dumps(self._open)
        if len(self._open) >= SMALL_TURNS:
            packed = zlib.compress(packed, 1)
        chunk = _Chunk(self._first, len(self._open), self._base, packed)
        with self._lock:
            self._chunks.append(chunk)
            self._bytes += len(packed)
            self._first += len(self._open)
            self._open, self._weight, self._settled = [], 0, 0
            self._base = Standing(self._standing)
            while self._bytes > self.limit and len(self._chunks) > 1:
                gone = self._chunks.popleft()
                self._bytes -= len(gone.packed)
                self.dropped += gone.turns

    # ---- reading: any thread -------------------------------------------------------------------------

    def __len__(self) -> int:
        with self._lock:
            return self._first + len(self._open) - self.dropped

    @property
    def now(self) -> Now | None:
        """What the kernel holds at this moment, if the loop is stopped; None if it runs, or is no more.

        The one entry that is not kept: never saved, never judged.
        """
        return None if self.ask_now is None else self.ask_now()

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
                reader = self._reader(self._first, self._base)
                reader.records += self._open[len(reader.records) :]
            else:
                chunk = self._find(index)
                reader = self._reader(chunk.first, chunk.base)
                if len(reader.records) < chunk.turns:
                    reader.records = _unpacked(chunk)
            return reader.turn(index - reader.first)

    def _reader(self, first: int, base: Standing) -> Reader:
        reader = self._readers.get(first)
        if reader is None:
            while len(self._readers) >= 4:
                del self._readers[next(iter(self._readers))]
            reader = self._readers[first] = Reader(first, base)
        return reader

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
            standing = {name: getattr(base, name) for name in Standing.__slots__}
            standing["contents"] = {fd: _text(held) for fd, held in base.contents.items()}
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
                if version not in (1, FORMAT):
                    raise ValueError(f"format {version}; this labkit reads formats 1 and {FORMAT}")
                tape._restore(header)
                for number, line in enumerate(file, 2):  # noqa: B007 - named in the error
                    tape.append(_from_json(tape._first + len(tape._open), json.loads(line)))
            except DAMAGED as error:
                what = "it is cut short" if line and not line.endswith("\n") else _reason(error)
                raise ValueError(
                    f"{path}, line {number}: not a labkit tape from here on ({what}). "
                    "Save it again with tape.save(), or delete this line and all after it."
                ) from error
        return tape

    def _restore(self, header: dict[str, Any]) -> None:
        self.dropped = self._first = int(header["dropped"])
        self.about = {str(key): str(value) for key, value in header["about"].items()}
        for name in Standing.__slots__:
            table = {int(fd): _freeze(value) for fd, value in header["standing"].get(name, {}).items()}
            setattr(self._standing, name, table)
        contents = self._standing.contents
        self._standing.contents = {fd: _octets(held) for fd, held in contents.items()}
        self._base = Standing(self._standing)


def _text(contents: Any) -> Any:
    """Bytes as JSON has them: a character each (latin-1)."""
    return contents and tuple(None if each is None else each.decode("latin-1") for each in contents)


def _octets(contents: Any) -> Any:
    """What _text made, as it was."""
    return contents and tuple(None if each is None else each.encode("latin-1") for each in contents)


def _reason(error: Exception) -> str:
    return f"no {error} in it" if isinstance(error, KeyError) else str(error)


def _freeze(value: Any) -> Any:
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value


def _to_json(index: int, record: tuple[Any, ...]) -> dict[str, Any]:
    row = {"index": index, **Record(*record)._asdict()}
    extra = row.pop("extra")
    row |= {name: list(rows(row[name], width)) for name, width in FLAT.items()}
    if extra is not None:
        row |= {name: value for name, value in Extra(*extra)._asdict().items() if value}
        row["moments"] = [(*moment, _text(held)) for *moment, held in row.get("moments", ())]
        row["contents"] = [(fd, _text(held)) for fd, held in row.get("contents", ())]
    return row


def _from_json(index: int, row: dict[str, Any]) -> tuple[Any, ...]:
    row = {"stepped": False} | {RENAMED.get(name, name): value for name, value in row.items()}
    if row["index"] != index:
        raise ValueError(f"iteration {row['index']} stands where {index} should")
    more = Extra(*(_freeze(row.get(name, [])) for name in Extra._fields))
    moments = tuple((*each[:4], _octets(each[4]) if len(each) > 4 else None) for each in more.moments)
    contents = tuple((fd, _octets(held)) for fd, held in more.contents)
    extra = tuple(more._replace(moments=moments, contents=contents))
    row = row | {name: [value for line in row[name] for value in line] for name in FLAT}
    values = [_freeze(row[name]) for name in Record._fields[:-1]]
    record = (*values, extra if any(extra) else None)
    reader = Reader(index, Standing())
    reader.records.append(record)
    reader.turn(0)  # a malformed record fails here, with its line's number
    return record
