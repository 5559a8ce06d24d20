"""The record of a loop: one Iteration a turn, on a Tape that a loop writes and anybody may read meanwhile.

A tape is written as plain tuples, packed a chunk at a time, and read as frozen records. What did not change
is not written again: every turn adds what moved to what stood before, and now and then a chunk begins with
all that stands, so that nobody has to read from the beginning. The tape knows nothing of sockets, selectors
or figures.
"""

from __future__ import annotations

import marshal
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import index as whole
from pathlib import Path
from typing import Any, NamedTuple, overload

from labkit.tape import saving
from labkit.tape.diff import Divergence, diff
from labkit.tape.iteration import Iteration
from labkit.tape.packing import CALLS, SAMPLES, TABLES, Reader, Snapshot, plain
from labkit.tape.turn import Now

CHUNK = 4_608  # a chunk is packed at so many values; at some more where there are many fds
TURN = 6  # values that a turn counts for, beside those of its calls and samples
SMALL_TURNS = 16  # a chunk of so many is compressed; a loop with larger turns has no time to spare for that
LIMIT = 64 * 2**20  # bytes that a tape keeps by default
FRESH = 400  # bytes that the numbers of one fd take while a base holds them
READERS = 4  # chunks that are kept unpacked


class _Chunk(NamedTuple):
    first: int
    turns: int
    base: Snapshot | None  # what stood before it; None: what the chunk before it left
    packed: bytes
    nbytes: int  # of all this


def _unpacked(chunk: _Chunk) -> list[tuple[Any, ...]]:
    records: list[tuple[Any, ...]] = marshal.loads(
        zlib.decompress(chunk.packed) if chunk.turns >= SMALL_TURNS else chunk.packed
    )
    return records


class Tape(Sequence[Iteration]):
    """The iterations of a loop, oldest first; a ring that keeps the newest `limit` bytes.

    `tape[0]` is the oldest that is kept, `tape[-1]` the newest, `dropped` how many the ring let go; an
    iteration's own `index` counts from the start of the loop. One thread writes; any thread may read, also
    while the ring turns.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit} bytes; give the tape at least 1, or leave it at {LIMIT:,}")
        self.limit = whole(limit)
        self.dropped = 0
        self.about: dict[str, str] = {}  # what a reader should know of the loop, such as its selector's name
        self.ask_now: Callable[[], Now | None] | None = None  # set by whoever can stop the loop
        self._lock = threading.Lock()  # the ring; never held for long, since the loop waits for it
        self._reading = threading.Lock()  # the readers; taken before the other
        self._chunks: deque[_Chunk] = deque()
        self._bytes = 0
        self._snapshot = Snapshot()
        self._base = Snapshot()  # what stood before the open chunk
        self._kept: Snapshot = Snapshot()  # the base that was kept last
        self._unbased = 0  # bytes of chunks since the last that has a base of its own
        self._fresh: set[int] = set()  # fds whose numbers have changed since then
        self._first = 0  # index of the open chunk's first turn
        self._open: list[tuple[Any, ...]] = []
        self._weight = 0
        self._least = min(CHUNK, max(64 * TURN, self.limit * TURN // 64))  # a small ring has small chunks
        self._enough = self._least
        self._readers: dict[int, Reader] = {}

    # ---- writing: one thread -------------------------------------------------------------------------

    def append(self, record: tuple[Any, ...]) -> None:
        """Add a turn, in the form of Record."""
        self._open.append(record)
        self._weight += TURN + len(record[CALLS]) + len(record[SAMPLES])
        if self._weight > self._enough:
            self._seal()

    def _seal(self) -> None:
        self._fresh.update(self._snapshot.take(self._open))
        try:
            packed = marshal.dumps(self._open)
        except ValueError:  # somebody's own kind of number or text
            packed = marshal.dumps(plain(self._open))
        if len(self._open) >= SMALL_TURNS:
            packed = zlib.compress(packed, 1)
        base, size = self._kept_base(), len(packed)
        self._unbased = size if base is not None else self._unbased + size
        if base is not None:
            size += self._base_size()
            self._kept = base
            self._fresh.clear()
        with self._lock:
            self._chunks.append(_Chunk(self._first, len(self._open), base, packed, size))
            self._bytes += size
            self._first += len(self._open)
            self._open, self._weight = [], 0
            self._enough = self._least + len(self._snapshot.held) * 3 // 4
            self._base = self._snapshot.copy_sharing(self._base)
            while self._bytes > self.limit and (oldest := self._oldest()) < len(self._chunks):
                for gone in [self._chunks.popleft() for _ in range(oldest)]:
                    self._bytes -= gone.nbytes
                    self.dropped += gone.turns

    def _kept_base(self) -> Snapshot | None:
        """The base of the open chunk, if it is worth its size: a base takes no more than the turns do."""
        enough = min(self._base_size(), self.limit // 4)  # what goes together in the ring is a part of it
        return self._base if not self._chunks or self._unbased >= enough else None

    def _base_size(self) -> int:
        """Bytes that keeping the base of the open chunk takes. What did not change is shared."""
        tables = ((getattr(self._base, name), getattr(self._kept, name)) for name in TABLES)
        own = sum(sys.getsizeof(table) for table, before in tables if table is not before)
        return own + FRESH * len(self._fresh)

    def _oldest(self) -> int:
        """How many chunks go together with the oldest: those that cannot be read without it."""
        later = enumerate(self._chunks)
        next(later)
        return next((at for at, chunk in later if chunk.base is not None), len(self._chunks))

    # ---- reading: any thread -------------------------------------------------------------------------

    def __len__(self) -> int:
        oldest, end = self._bounds()
        return end - oldest

    def _bounds(self) -> tuple[int, int]:
        """(index of the oldest turn, index of the next that will be written), of one moment."""
        with self._lock:
            return self.dropped, self._first + len(self._open)

    @property
    def now(self) -> Now | None:
        """What the kernel holds at this moment, if the loop is stopped; None if it runs, or is no more.

        The one entry that is not kept: never saved, never judged.
        """
        return None if self.ask_now is None else self.ask_now()

    @property
    def nbytes(self) -> int:
        """Bytes that the packed turns take, and what stood before them; without the open chunk."""
        return self._bytes

    @overload
    def __getitem__(self, at: int) -> Iteration: ...
    @overload
    def __getitem__(self, at: slice) -> list[Iteration]: ...
    def __getitem__(self, at: int | slice) -> Iteration | list[Iteration]:
        if isinstance(at, slice):
            oldest, end = self._bounds()
            turns = (self._read(lambda *_, i=i: oldest + i) for i in range(*at.indices(end - oldest)))
            return [turn for turn in turns if turn is not None]

        def counted(oldest: int, end: int) -> int:
            if not oldest - end <= at < end - oldest:
                raise IndexError(f"the tape has {end - oldest} iterations; there is no tape[{at}]")
            return oldest + at if at >= 0 else end + at

        turn = self._read(counted)
        assert turn is not None
        return turn

    def __iter__(self) -> Iterator[Iteration]:
        at = 0

        def onwards(oldest: int, end: int) -> int:
            return max(at, oldest)

        while (turn := self._read(onwards)) is not None:
            yield turn
            at = turn.index + 1

    def iteration(self, index: int) -> Iteration:
        """The turn whose own index is `index`; IndexError if it is not, or no longer, on the tape."""
        turn = self._read(lambda *_: index)
        if turn is None:
            oldest, end = self._bounds()
            raise IndexError(f"iteration {index} is not on the tape: it holds {oldest} to {end - 1}")
        return turn

    def _read(self, choose: Callable[[int, int], int]) -> Iteration | None:
        """The turn whose index `choose(oldest, end)` says; None if there is none. The ring may turn."""
        with self._reading:
            with self._lock:
                end = self._first + len(self._open)
                index = choose(self.dropped, end)
                if not self.dropped <= index < end:
                    return None
                chunks = self._group(index) if index < self._first else []
                if not chunks:
                    reader = self._reader(self._first, lambda: self._base)
                    reader.records += self._open[len(reader.records) :]
            if chunks:  # which takes its time, while the loop goes on
                reader = self._reader(chunks[-1].first, lambda: _base_of(chunks))
                if len(reader.records) < chunks[-1].turns:
                    reader.records = _unpacked(chunks[-1])
            return reader.turn(index - reader.first)

    def _reader(self, first: int, base: Callable[[], Snapshot]) -> Reader:
        reader = self._readers.get(first)
        if reader is None:
            while len(self._readers) >= READERS:
                del self._readers[next(iter(self._readers))]
            reader = self._readers[first] = Reader(first, base())
        return reader

    def _group(self, index: int) -> list[_Chunk]:
        """The chunk that turn `index` is in, after those that its base has to be made from."""
        low, high = 0, len(self._chunks) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._chunks[middle].first <= index:
                low = middle
            else:
                high = middle - 1
        chunks = [self._chunks[low]]
        while chunks[-1].base is None:
            low -= 1
            chunks.append(self._chunks[low])
        return chunks[::-1]

    def diff(self, other: Tape) -> Divergence | None:
        """The first iteration in which this tape and `other` differ, and how; None if they do not.

        Connections are compared by name; times, and iterations in which nothing happened, do not count.
        """
        return diff(self, other)

    # ---- files ---------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write the tape as JSON lines: a header, then one object an iteration. Returns the path.

        What stood at `path` stands there until all is written, and for good if that fails.
        """
        with self._lock:
            chunks, base = list(self._chunks), self._base
            records, dropped = list(self._open), self.dropped
        if chunks and chunks[0].base is not None:
            base = chunks[0].base
        packed = (record for chunk in chunks for record in _unpacked(chunk))
        return saving.save(Path(path), self.about, dropped, base, chain(packed, map(plain, records)))

    @classmethod
    def load(cls, path: str | Path, limit: int = LIMIT) -> Tape:
        """Read a tape that save() wrote; ValueError names the line that is not one, and what is wrong."""
        tape = cls(limit)
        lines = saving.load(Path(path))
        tape.about, tape.dropped, tape._snapshot = next(lines)
        tape._first, tape._base = tape.dropped, Snapshot(tape._snapshot)
        for record in lines:
            tape.append(record)
        return tape


def _base_of(chunks: Sequence[_Chunk]) -> Snapshot:
    """What stood before the last of `chunks`, of which the first has a base."""
    first, *between = chunks[:-1] or chunks
    assert first.base is not None
    standing = Snapshot(first.base)
    for chunk in [first, *between] if len(chunks) > 1 else []:
        standing.take(_unpacked(chunk))
    return standing
