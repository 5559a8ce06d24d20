"""Rules about time and memory: who waits for whom, and what grows meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest
from statistics import median, quantiles
from typing import NamedTuple

from labkit.diagnosis.finding import Finding
from labkit.diagnosis.history import Brief, History, Row
from labkit.tape.narrate import duration, listing, plural
from labkit.tape.turn import SYSTEM_CALLS, Call, Event, depths

LONG = 100_000_000  # ns that one handler may keep everybody waiting
STANDS_OUT = 5  # times longer than what other programs on a busy machine keep this one waiting
WAKERS = ("waker", "self-pipe")  # of a loop itself: nobody waits there
POLLS = 3  # empty polls in a row: nothing runs that could block; what takes long is another's turn on the CPU
GREEDY_READS = 64  # reads of one connection in one iteration
GREEDY_NS = 50_000_000
NAGLED = 3  # held replies
SMALL = 2_000  # bytes, a segment that waits for company
HIGH_WATER = 65_536  # bytes: where asyncio tells a writer to wait
GROWTHS = 8
STUCK_STEPS = 20
STUCK_NS = 2_000_000_000
ENOUGH_ROWS = 40  # to say that time grows with a buffer
LARGE = 524_288  # bytes in a buffer that is slow to copy
GROWS = 1, 1.5, 2, 3  # what is copied takes so many times what the first quarter takes, at least


# ---- a handler that blocks -------------------------------------------------------------------------------


class Block(NamedTuple):
    """A stretch in which a loop that was awake made no call."""

    turn: Brief
    fd: int | None
    after: str  # what it did last
    ns: int
    waiting: tuple[str, ...]


def blocking(history: History) -> Iterator[Finding]:
    """A handler does not return for long, and everybody waits (S21)."""
    names = {life.fd: life.name for life in history.lives if life.name not in WAKERS}
    blocks: dict[int | None, list[Block]] = {}
    noise = _noise(history.turns)
    polls = 0  # empty ones, in a row
    for turn, later in zip_longest(history.turns, history.turns[1:]):
        polls = polls + 1 if not turn.ready and not turn.calls and turn.timeout == 0 else 0
        if turn.awake_ns >= LONG and polls < POLLS:
            block = _longest(turn, later, names)
            if block.ns >= LONG and (_computed(block) or _slept(block, noise)):
                blocks.setdefault(block.fd, []).append(block)
    whole = sum(turn.asleep_ns + turn.awake_ns for turn in history.turns)
    for fd, found in blocks.items():
        worst, together = max(found, key=lambda block: block.ns), sum(block.ns for block in found)
        who = f"The handler of {names.get(fd, f'fd {fd}')}" if fd is not None else "Something in the loop"
        often = f" {len(found):,} times, the longest" if len(found) > 1 else ""
        waited = f" {listing(worst.waiting)} waited meanwhile." if worst.waiting else ""
        how = "computed" if _computed(worst) else "slept, or waited inside a call"
        yield Finding(
            "blocking",
            fd,
            found[0].turn.index,
            found[-1].turn.index,
            f"{who} kept the loop busy{often} for {duration(worst.ns)}{worst.after}.{waited}",
            "A loop has one thread. While one handler works, nobody else is asked about or served. This one "
            f"{how}, for {together * 100 // whole} % of the time on this tape (S21).",
            "Do long work in another thread or process, and wait with the loop: for a socket by asking about "
            "it, for a time by a timer.",
        )


def _noise(turns: Sequence[Brief]) -> int:
    """How long this thread was kept from the CPU while it was awake, in ns: it sleeps, or others have it.

    The longest time in an iteration that is not long itself; or all such times together, if they are more
    than what it computed, as on a machine with too much to do.
    """
    short = [turn for turn in turns if turn.awake_ns < LONG]
    gaps = [max(0, turn.awake_ns - turn.cpu_ns) for turn in short]
    return sum(gaps) if sum(gaps) > sum(turn.cpu_ns for turn in short) else max(gaps, default=0)


def _computed(block: Block) -> bool:
    """Whether it used the CPU so long in the stretch itself, even if it did all the time outside of it.

    Where no call says whose stretch it is, it is that of all who were ready.
    """
    many = 1 if block.fd is not None else max(1, len(block.turn.ready))
    return block.turn.cpu_ns - (block.turn.awake_ns - block.ns) >= LONG * many


def _slept(block: Block, noise: int) -> bool:
    """Whether it hardly used the CPU, less than a thread gets that only has to share it with others.

    On a machine that is too busy a thread may wait as long for its turn. Then it is kept from the CPU in many
    other iterations, too, by up to `noise` ns, or at other times in this one.
    """
    elsewhere = block.turn.awake_ns - block.ns - block.turn.cpu_ns
    return block.turn.cpu_ns * 10 <= block.ns and block.ns >= STANDS_OUT * max(noise, elsewhere)


def _longest(turn: Brief, later: Brief | None, names: dict[int, str]) -> Block:
    """The longest stretch without a call; whose it is follows from the call before it, or else the first."""
    calls = turn.calls
    times = [0, *(min(max(call.at_ns, 0), turn.awake_ns) for call in calls), turn.awake_ns]
    ns, at = max((end - begin, at) for at, (begin, end) in enumerate(pairwise(times)))
    doing = calls[at - 1] if at else calls[0] if calls else None
    alone = next(iter(turn.ready)) if len(turn.ready) == 1 else None
    fd = doing.fd if doing else alone
    return Block(turn, fd, _place(calls, at), ns, tuple(dict.fromkeys(_waiting(turn, later, at, fd, names))))


def _place(calls: Sequence[Call], at: int) -> str:
    """Where it was, in words: in which method, or after which call."""
    if not at:
        return ""
    last, depth = calls[at - 1], depths(calls)
    methods = [
        call.name
        for n, call in enumerate(calls[:at])
        if call.name not in SYSTEM_CALLS and n + (call.result or 0) >= at - 1 and depth[n] <= depth[at - 1]
    ]
    inside = f", in {methods[-1]}" if methods else ""
    return inside + ("" if last.name not in SYSTEM_CALLS else f", after its {last.name}")


def _waiting(
    turn: Brief, later: Brief | None, at: int, fd: int | None, names: dict[int, str]
) -> Iterator[str]:
    """Those that were ready and had to wait, each with the bytes that it then brought."""
    served = {call.fd for call in turn.calls[:at]}
    waiting = [each for each in turn.ready if each not in served]
    after = list(turn.calls[at:])
    if later is not None:
        waiting += [each for each in later.ready if each not in waiting]
        after += later.calls
    for each in [each for each in waiting if each != fd and each in names][:3]:
        size = sum(call.result or 0 for call in after if call.fd == each and call.name == "recv")
        yield f"{names[each]} ({plural(size, 'byte')})" if size else names[each]


# ---- one peer that is served for too long ----------------------------------------------------------------


def greedy(history: History) -> Iterator[Finding]:
    """One handler reads on as long as its peer sends, and the others wait (S35)."""
    for life in history.lives:
        for row in life.rows:
            reads = row.named("recv")
            took = reads[-1].at_ns - reads[0].at_ns if reads else 0
            if row.turn.stepped or len(reads) < GREEDY_READS or took < GREEDY_NS or not _others(row, life.fd):
                continue
            size = sum(call.result or 0 for call in reads)
            yield Finding(
                "starvation",
                life.fd,
                row.index,
                row.index,
                f"In one iteration {life.name} was read {len(reads):,} times, {size:,} bytes in "
                f"{duration(took)}, while others waited.",
                "A handler that reads until there is no more never returns while its peer sends as fast as "
                "it reads, and nobody else is served (S35).",
                "Read at most a fixed number of bytes each time, and let the next wait tell of the rest.",
            )
            break


def _others(row: Row, fd: int) -> bool:
    return any(each != fd for each in (*row.turn.ready, *(row.later.ready if row.later else ())))


# ---- replies that the kernel holds back ------------------------------------------------------------------


def nagle(history: History) -> Iterator[Finding]:
    """Two small sends in a row: the second waits until the peer has acknowledged the first (S67)."""
    for life in history.lives:
        held = [row for row in life.rows if _held_back(row)]
        if len(held) < NAGLED:
            continue
        slept = [row.later.asleep_ns for row in held if row.later and not row.later.stepped]
        took = f", and the loop then slept {duration(int(median(slept)))}" if slept else ""
        size = held[-1].queues.send_queue if held[-1].queues else None
        yield Finding(
            "nagle",
            life.fd,
            held[0].index,
            held[-1].index,
            f"{len(held):,} times the server sent {life.name} a reply in pieces, and the kernel held the "
            f"later pieces back ({plural(size or 0, 'byte')} of the last reply){took}.",
            "A small piece waits until the piece before it is acknowledged (Nagle), and the peer waits up to "
            "40 ms with that, in case it has something to send as well (delayed ACK) (S67).",
            "Send a message in one piece; or set TCP_NODELAY on the socket.",
        )


def _held_back(row: Row) -> bool:
    """Whether all but its first send, and nothing else, were still unsent at the end of a row."""
    sends = row.named("send")
    if len(sends) < 2 or row.queues is None or any(call.errno or call.result != call.arg for call in sends):
        return False
    rest = sum(call.result or 0 for call in sends[1:])
    return 0 < rest <= SMALL and row.queues.send_queue == rest


# ---- buffers ---------------------------------------------------------------------------------------------


def unbounded(history: History) -> Iterator[Finding]:
    """A write buffer grows and grows, and nothing stops those who fill it (S23)."""
    for life in history.lives:
        run: list[Row] = []
        longest: list[Row] = []
        before = 0
        for row in (row for row in life.rows if row.held is not None):
            size = row.held or 0
            if size < before or size < HIGH_WATER:
                run = []
            elif size > before:
                run = [*run, row]
                longest = max(longest, run, key=len)
            before = size
        if len(longest) < GROWTHS:
            continue
        yield Finding(
            "unbounded-buffer",
            life.fd,
            longest[0].index,
            longest[-1].index,
            f"The write buffer of {life.name} grew from {longest[0].held or 0:,} to "
            f"{longest[-1].held or 0:,} bytes in {len(longest):,} iterations, and did not shrink in between.",
            "The peer takes less than the server writes. What the kernel does not take stays in the "
            "program's memory, and nothing says stop (S23).",
            "Set a limit: while a write buffer holds more than that, do not read from those who fill it (in "
            "asyncio: await writer.drain() after each write).",
        )


def never_reads(history: History) -> Iterator[Finding]:
    """A peer does not read: no byte goes out any more, and the server waits for room (S23)."""
    for life in history.lives:
        at = next((at for at in reversed(range(len(life.rows))) if _goes_out(life.rows[at])), None)
        if at is None or life.closed:
            continue
        row = life.rows[at]
        waits = bool(row.asks_later and row.asks_later & Event.WRITE)
        since = [turn for turn in history.turns if turn.index > row.index]
        steps = sum(turn.stepped for turn in since)
        took = sum(turn.asleep_ns + turn.awake_ns for turn in since if not turn.stepped)
        if not waits or (steps < STUCK_STEPS and took < STUCK_NS):
            continue
        last = life.rows[-1]
        size = f"{plural(last.held, 'byte')} for it lie" if last.held else "What is for it lies"
        yield Finding(
            "peer-never-reads",
            life.fd,
            row.index,
            history.end,
            f"{life.name} does not read: {size} in the server's write buffer, and since iteration "
            f"{row.index} the kernel has taken nothing more.",
            "Its receive queue is full, so the server's send queue is, and so the server must keep the rest "
            "itself (backpressure). This is the peer's doing; how long to bear it is yours (S23).",
            "Do not read from it meanwhile, so that the buffer stays small, and close it after a time.",
        )


def _goes_out(row: Row) -> bool:
    return any(call.result for call in row.named("send")) or bool(row.ready & Event.WRITE)


def quadratic(history: History) -> Iterator[Finding]:
    """Each iteration takes longer the more a buffer holds, though it moves no more bytes (S59).

    A busy machine makes some iterations slow, not all: the quickest of those with much in the buffer take
    longer than the quickest of those with less, from the first quarter on. They need not do so in order: an
    allocator gives some sizes back to the kernel, and pays for their pages each time (mallopt(3)). A thread's
    CPU clock may lag behind by whole iterations: only its sums tell.
    """
    for life in history.lives:
        rows = sorted((row for row in life.rows if _holds(row) and row.calls), key=_holds)
        if len(rows) < ENOUGH_ROWS:
            continue
        quarters = [rows[len(rows) * n // 4 : len(rows) * (n + 1) // 4] for n in range(4)]
        sizes = [int(median(map(_holds, quarter))) for quarter in quarters]
        quick = [int(quantiles((row.turn.awake_ns for row in quarter), n=10)[0]) for quarter in quarters]
        cpu = [sum(row.turn.cpu_ns for row in quarter) for quarter in quarters]
        moved = [median(map(_moved, quarter)) for quarter in quarters]
        grows = all(n * quick[0] <= quick[at] for at, n in enumerate(GROWS)) and 2 * cpu[0] <= cpu[3]
        if sizes[3] < LARGE or not grows or moved[3] > 2 * moved[0]:
            continue
        yield Finding(
            "quadratic-buffer",
            life.fd,
            min(row.index for row in rows),
            max(row.index for row in rows),
            f"With {sizes[0]:,} bytes in the buffer of {life.name} the quickest iterations were awake "
            f"for {duration(quick[0])}, with {sizes[3]:,} bytes for {duration(quick[3])}, "
            "for no more bytes moved.",
            "Taking bytes off the front of a bytes object, or adding some, copies all of it. Done again for "
            "each small piece, the work grows with the square of the size (S59).",
            "Keep what is waiting in a bytearray and delete from its front, or in a list of pieces.",
        )


def _holds(row: Row) -> int:
    return max(row.queues.read_buffer or 0, row.queues.write_buffer or 0) if row.queues else 0


def _moved(row: Row) -> int:
    return sum(call.result or 0 for call in row.named("recv", "send"))
