"""Rules about loops that turn and get nowhere: they use the CPU, and nothing moves."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence

from labkit.diagnosis.finding import Finding
from labkit.diagnosis.history import Brief, History, Life, Row, streaks
from labkit.tape.narrate import duration, plural
from labkit.tape.turn import SYSTEM_CALLS, Event

POLLS = 300  # empty iterations in a row that are no accident
CPU_OF_A_POLL = 500_000  # ns; an iteration that computes for longer does something, if not with fds
TOLD_IN_VAIN = 3  # times in a row
UNREAD = 5  # times in a row that a handler may leave what it is told of
UNSERVED = 10  # times in a row that a connection may wait for others


def busy_polling(history: History) -> Iterator[Finding]:
    """The loop asks without waiting, again and again, while nothing happens (S14)."""
    runs: list[list[Brief]] = [[]]
    for turn in history.turns:
        if _asked_in_vain(turn):
            if not _slept(turn):
                runs[-1].append(turn)
        elif runs[-1]:
            runs.append([])
    runs = [run for run in runs if len(run) >= POLLS and _cpu(run) < len(run) * CPU_OF_A_POLL]
    if not runs:
        return
    vain = [turn for run in runs for turn in run]
    took = sum(turn.asleep_ns + turn.awake_ns for turn in vain)
    yield Finding(
        "busy-polling",
        None,
        vain[0].index,
        vain[-1].index,
        f"The loop asked {len(vain):,} times without waiting, and nothing had happened.",
        f"Each time costs CPU, {duration(_cpu(vain))} of it in {duration(took)} here, and brings nothing: "
        "the kernel would wake the loop by itself (S14).",
        "Let the wait sleep: without a timeout until something happens, with one no longer than that.",
    )


def _asked_in_vain(turn: Brief) -> bool:
    if turn.stepped:  # a step never sleeps, by order
        return False
    if not turn.ready:
        return turn.timeout is not None and turn.timeout <= 0 and not _moving(turn)
    everything = len(turn.ready) == turn.interest  # what a selector says that does not ask the kernel
    refused = [call.errno == errno.EAGAIN for call in turn.calls if call.name in SYSTEM_CALLS]
    return everything and bool(refused) and all(refused)


def _slept(turn: Brief) -> bool:
    """It may have waited, or lost its processor where it did not: no case of polling, and no end of one."""
    return bool(turn.ready) and turn.asleep_ns > turn.awake_ns


def _moving(turn: Brief) -> bool:
    return any(call.name in SYSTEM_CALLS and not call.errno for call in turn.calls)


def _cpu(turns: Sequence[Brief]) -> int:
    return sum(turn.cpu_ns for turn in turns)


def write_spin(history: History) -> Iterator[Finding]:
    """A connection is asked about for writing, and there is nothing to write (S53)."""
    for life in filter(lambda life: life.told, history.lives):
        runs = [run for run in streaks(life.rows, _idly_writable) if len(run) >= TOLD_IN_VAIN]
        if runs:
            yield Finding(
                "write-spin",
                life.fd,
                runs[0][0].index,
                runs[-1][-1].index,
                f"The loop asks whether {life.name} can be written to, and has nothing to write: it was told "
                f"“yes” {sum(map(len, runs)):,} times for nothing.",
                "There is nearly always room in a send queue, so this answer comes at once and the loop "
                "never sleeps: it spins (S53).",
                "Ask about writing only while the write buffer holds bytes, and stop asking when it is "
                "empty.",
            )


def _idly_writable(row: Row) -> bool:
    sent = [call for call in row.named("send", "connect") if call.arg != 0]
    return bool(row.asked & row.ready & Event.WRITE) and not sent and not row.closed and not row.held


def eof_spin(history: History) -> Iterator[Finding]:
    """The peer has said that it sends no more, and the handler neither closes nor stops asking (S10)."""
    for life in history.lives:
        rows = _after_the_end(life)
        runs = [run for run in streaks(rows, _told_to_read) if len(run) >= TOLD_IN_VAIN]
        if runs:
            yield Finding(
                "eof-spin",
                life.fd,
                runs[0][0].index,
                runs[-1][-1].index,
                f"{life.name} will send no more: recv returned no bytes. The loop asks about it all the "
                f"same, and was told to read {sum(map(len, runs)):,} times after that.",
                "The end of a stream counts as readable, for ever: each wait returns at once, and the loop "
                "spins (S10).",
                "When recv returns b'', send what is left and close, or at least stop asking about reading.",
            )


def _after_the_end(life: Life) -> list[Row]:
    """The rows after the one whose recv returned 0 bytes; none if bytes came after all, as in datagrams."""
    ended = None
    for at, row in enumerate(life.rows):
        for call in row.named("recv"):
            if call.result:
                ended = None
            elif call.result == 0 and call.arg and ended is None:
                ended = at
    return [] if ended is None else life.rows[ended + 1 :]


def _told_to_read(row: Row) -> bool:
    return bool(row.asked & row.ready & Event.READ) and not row.closed


def emfile_spin(history: History) -> Iterator[Finding]:
    """accept() fails for want of fds, and the loop asks on (S31)."""
    for life in history.lives:
        runs = [run for run in streaks(life.rows, _out_of_fds) if len(run) >= TOLD_IN_VAIN]
        if runs:
            failed = sum(len(run) for run in runs)
            yield Finding(
                "emfile-spin",
                life.fd,
                runs[0][0].index,
                runs[-1][-1].index,
                f"accept on {life.name} failed {failed:,} times: this process has all the fds open that it "
                "may have (EMFILE).",
                "Whoever is not accepted stays in the backlog, the listener's queue of those who have come, "
                "and the listener stays readable: each wait returns at once, each accept fails, and the loop "
                "spins (S31).",
                "Stop asking about the listener until an fd is free; or keep one fd in reserve, close it, "
                "accept the connection, close that at once, and take the reserve again. Raise the limit: "
                "ulimit -n.",
            )


def _out_of_fds(row: Row) -> bool:
    return any(call.errno in (errno.EMFILE, errno.ENFILE) for call in row.named("accept"))


def unread(history: History) -> Iterator[Finding]:
    """The loop is told of something to read again and again, and the handler does not read (S29)."""
    for life, run, others in _ignored(history):
        if others or len(run) < UNREAD:
            continue
        waiting = run[-1].queues.recv_queue if run[-1].queues else None
        what = f"the {plural(waiting, 'byte')} in its receive queue" if waiting else "what it was told of"
        yield Finding(
            "unread",
            life.fd,
            run[0].index,
            run[-1].index,
            f"The loop was told {len(run):,} times in a row that {life.name} is ready to read, and made no "
            "call on it.",
            f"A wait reports what is there until it is taken (level-triggered). Nobody takes {what}, so each "
            "wait returns at once, and the loop spins (S29).",
            "Read in the handler; or stop asking about reading while you do not want what is there.",
        )


def starved(history: History) -> Iterator[Finding]:
    """A connection is ready, and others are served each time (S35)."""
    for life, run, others in _ignored(history):
        if not others or len(run) < UNSERVED:
            continue
        yield Finding(
            "starvation",
            life.fd,
            run[0].index,
            run[-1].index,
            f"{life.name} was ready to read {len(run):,} times in a row and was not served; others were, "
            "each time.",
            "Who is served first each time can keep a loop busy for ever, and the rest wait as long as that "
            "lasts (S35).",
            "Serve everybody whom a wait reports before waiting again, and each of them only a little.",
        )


def _ignored(history: History) -> Iterator[tuple[Life, list[Row], bool]]:
    """(who, when, whether others were served each time) of all that are ready to read and get no call."""
    for life in filter(lambda life: life.told, history.lives):
        ended = {id(row) for row in _after_the_end(life)}
        for run in streaks(life.rows, lambda row: _told_to_read(row) and not _served(row)):
            if id(run[0]) not in ended:
                others = all(any(call.fd != life.fd for call in row.turn.calls) for row in run)
                yield life, run, others


def _served(row: Row) -> bool:
    return any(call.name in SYSTEM_CALLS for call in row.calls)
