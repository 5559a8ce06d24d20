"""Rules about bytes and connections that a program loses: what was there, and is not delivered."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence

from labkit.diagnosis.finding import Finding
from labkit.diagnosis.history import History, Life, Row
from labkit.tape.narrate import plural
from labkit.tape.turn import SYSTEM_CALLS, Call, Event

UNREPORTED = 3  # waits in a row that pass over an fd which has something
ASLEEP = 10_000_000  # ns; a wait that takes as long was not about to return at once


def partial_write_lost(history: History) -> Iterator[Finding]:
    """send() took a part, and nobody sends the rest (S23)."""
    for life in history.lives:
        lost = [(row, size) for at, row in enumerate(life.rows) if (size := _forgotten(life, at))]
        if lost:
            row, size = lost[0]
            send = row.named("send")[-1]
            yield Finding(
                "partial-write",
                life.fd,
                row.index,
                lost[-1][0].index,
                f"send took {send.result or 0:,} of {plural(send.arg or 0, 'byte')} for {life.name}, and "
                f"nobody sends the rest: {plural(sum(size for _, size in lost), 'byte')} are lost.",
                "The kernel takes what has room in its send queue and says how much that was; what it did "
                "not take is still yours (S23).",
                "Keep the rest in a write buffer, ask about writing, and send again when the wait says so.",
            )


def _forgotten(life: Life, at: int) -> int:
    """Bytes of the last send in a row that were not taken, and that nobody keeps or sends later."""
    row = life.rows[at]
    sends = row.named("send")
    if not sends or row.closed or row.asks_later is None or row.held:
        return 0
    last = sends[-1]
    missing = (last.arg or 0) - (last.result or 0)
    if last.errno not in (0, errno.EAGAIN) or missing <= 0:
        return 0
    later = life.rows[at + 1 :]
    if row.asks_later & Event.WRITE:  # it is remembered, unless it is told to write and does not
        told = [each for each in later if each.ready & Event.WRITE][:2]
        return missing if len(told) == 2 and not any(map(_sends, told)) else 0
    again = next((each.named("send")[0].arg for each in later if each.named("send")), None)
    return missing if row.asks_later & Event.READ and again != missing else 0


def _sends(row: Row) -> bool:
    return any(call.arg for call in row.named("send"))


def sent_after_close(history: History) -> Iterator[Finding]:
    """A reply is sent on a socket that this program has closed, or shut for sending (S69)."""
    for life in history.lives:
        for row in life.rows:
            dead = _dead_sends(row.calls)
            if dead:
                yield Finding(
                    "sent-after-close",
                    life.fd,
                    row.index,
                    row.index,
                    f"A reply of {plural(dead[0].arg or 0, 'byte')} was sent to {life.name} after its socket "
                    f"was closed: send failed with {errno.errorcode.get(dead[0].errno, dead[0].errno)}.",
                    "Something that the handler called, often recv at the end of the stream, closed the "
                    "socket; the handler went on as if it were open, and the reply is lost (S69).",
                    "Look after each recv whether the connection is still open, and only then go on.",
                )
                break


DEAD = {"close": errno.EBADF, "shutdown": errno.EPIPE}


def _dead_sends(calls: Sequence[Call]) -> list[Call]:
    """The sends that fail because of an earlier call of the same iteration, as the caller could know."""
    expected: set[int] = set()
    found = []
    for call in calls:
        if call.name == "send" and call.errno in expected:
            found.append(call)
        elif call.name in DEAD and not call.errno and (call.name == "close" or call.arg):
            expected.add(DEAD[call.name])
    return found


def stranded_data(history: History) -> Iterator[Finding]:
    """Bytes wait in a receive queue, the loop asks about them, and the kernel does not tell (S29)."""
    for life in history.lives:
        for row, end in _passed_over(history, life, _unread):
            yield Finding(
                "stranded-data",
                life.fd,
                row.index,
                end,
                f"{plural(_unread(row), 'byte')} of {life.name} lie in its receive queue, and no wait tells "
                "the loop of them.",
                f"{EDGE} The handler read a part and left the rest, and until more arrives nothing changes "
                "(S29).",
                "With an edge-triggered selector read until recv says EAGAIN; or use a level-triggered one, "
                "which tells you until you have.",
            )
            break


def stranded_backlog(history: History) -> Iterator[Finding]:
    """Connections wait to be accepted, the loop asks about them, and the kernel does not tell (S30)."""
    for life in history.lives:
        for row, end in _passed_over(history, life, lambda row: row.backlog or 0):
            yield Finding(
                "stranded-backlog",
                life.fd,
                row.index,
                end,
                f"{plural(row.backlog or 0, 'connection')} wait in the backlog of {life.name}, and no wait "
                "tells the loop of them.",
                f"{EDGE} Several had come at once, one was accepted, and until another comes nothing changes "
                "(S30).",
                "With an edge-triggered selector accept until it says EAGAIN; or use a level-triggered one, "
                "which tells you until you have.",
            )
            break


EDGE = "This selector reports a change once (edge-triggered)."


def _unread(row: Row) -> int:
    return (row.queues.recv_queue or 0) if row.queues else 0


def _passed_over(history: History, life: Life, left: Callable[[Row], int]) -> Iterator[tuple[Row, int]]:
    """(a row at whose end something was left, the last iteration that did not report it)."""
    for at, row in enumerate(life.rows):
        if not left(row) or not row.asks_later or not row.asks_later & Event.READ:
            continue
        end = _until(history, life, at)
        waits = history.turns[row.index + 1 - history.first : end + 1 - history.first]
        slept = len(waits) >= UNREPORTED and any(turn.asleep_ns > ASLEEP for turn in waits)
        if slept or any(not turn.ready for turn in waits):
            yield row, end


def _until(history: History, life: Life, at: int) -> int:
    """The last iteration before the next row of a connection."""
    return life.rows[at + 1].index - 1 if at + 1 < len(life.rows) else history.end


def exact_multiple(history: History) -> Iterator[Finding]:
    """A full read is taken for a sign of more; the next one finds nothing, raises, and closes (S49)."""
    for life in history.lives:
        for row in life.rows:
            full = _full_then_nothing(row)
            raised = any(fd == life.fd for fd, _ in row.turn.errors)
            if full and raised:
                yield Finding(
                    "exact-multiple",
                    life.fd,
                    row.index,
                    row.index,
                    f"recv({full.arg}) brought all that it asked for, the handler read once more, and found "
                    f"nothing: EAGAIN. That ended {_connection(life)}.",
                    f"A read of exactly {full.arg} bytes does not say that more has come. This message was "
                    "as long as a multiple of it, so the next read was one too many (S49).",
                    "Take EAGAIN for what it is, “nothing now”; or read once each time the loop tells you.",
                )
                break


def _connection(life: Life) -> str:
    return life.name if life.name.startswith("the connection") else f"the connection of {life.name}"


def _full_then_nothing(row: Row) -> Call | None:
    """The recv that got all it asked for, if the next one found nothing and what came next was the close."""
    calls = [call for call in row.calls if call.name in SYSTEM_CALLS]
    ends = [call.name for call in calls[-2:]] == ["recv", "close"] and calls[-2].errno == errno.EAGAIN
    reads = row.named("recv")
    if not ends or len(reads) < 2:
        return None
    return reads[-2] if reads[-2].arg and reads[-2].result == reads[-2].arg else None


def half_close(history: History) -> Iterator[Finding]:
    """The peer sends no more but still reads, and the server closes before its reply is out (S56)."""
    for life in history.lives:
        for at, row in enumerate(life.rows):
            before = life.rows[at - 1] if at else None
            ended = any(call.result == 0 and call.arg for call in row.named("recv"))
            if not ended or not _closes(life, at) or _peer_is_gone(before, row):
                continue
            dropped = _unwritten(before, row)
            if dropped:
                yield Finding(
                    "half-close",
                    life.fd,
                    row.index,
                    row.index,
                    f"{life.name} said that it sends no more, and the server closed at once: "
                    f"{plural(dropped, 'byte')} of its reply were never sent.",
                    "Who has sent all of a request may stop sending and still wait for the answer "
                    "(half-close). The end of its stream says nothing of what it reads (S56).",
                    "When recv returns b'', send what the write buffer holds first, then close.",
                )
                break


def _closes(life: Life, at: int) -> bool:
    """Whether a connection is closed in a row, or in the next, as asyncio does, and sends nothing before."""
    row, last = life.rows[at], life.rows[-1]
    next_is_last = at + 2 == len(life.rows) and last.index == row.index + 1
    return row.closed or (next_is_last and last.closed and not (row.named("send") or last.named("send")))


def _peer_is_gone(before: Row | None, row: Row) -> bool:
    """Whether the tape knows that the peer closed its end altogether."""
    account = row.account or (before.account if before else None)
    return account is not None and not account.open


def _unwritten(before: Row | None, row: Row) -> int:
    """Bytes that were to be sent and were dropped at the close: as was seen then, or at least."""
    if row.at_close is not None and row.at_close.write_buffer is not None:
        return row.at_close.write_buffer
    sends = [call for call in row.named("send") if call.errno in (0, errno.EAGAIN)]
    if sends:
        return max(0, (sends[-1].arg or 0) - (sends[-1].result or 0))
    return (before.held or 0) if before else 0


def lost_tail(history: History) -> Iterator[Finding]:
    """A hang-up comes with the last bytes; the server reads once and closes (S55)."""
    for life in history.lives:
        for row in life.rows:
            reads = row.named("recv")
            hung_up = bool(row.ready & Event.READ) and bool(row.ready & Event.EXCEPT)
            left = row.at_close.recv_queue if row.at_close else None
            if hung_up and row.closed and left and reads and reads[-1].result:
                yield Finding(
                    "lost-tail",
                    life.fd,
                    row.index,
                    row.index,
                    f"{life.name} hung up behind its last bytes. The server read {reads[-1].result:,} of "
                    f"them and closed: {plural(left, 'byte')} that had arrived were thrown away.",
                    "A wait reports that the peer is gone (a hang-up) together with bytes that it sent "
                    "before. Who closes because of the hang-up after one read loses the rest (S55).",
                    "Read until recv returns b'', and only then close.",
                )
                break


def wrong_handler(history: History) -> Iterator[Finding]:
    """An fd is closed and its number given away; the event of the old owner reaches the new one (S58)."""
    for old, new in _successions(history):
        row, read = old.rows[-1], new.rows[0]
        if row.index == read.index and row.ready & Event.READ and not _used(row) and read.named("recv"):
            yield Finding(
                "wrong-handler",
                new.fd,
                row.index,
                row.index,
                f"The loop was told that {old.name} is ready, and that was closed before its turn came. Its "
                f"number, fd {new.fd}, went to another, and that was called in its place.",
                "The kernel gives a closed fd's number to whatever is opened next. An event that was "
                "reported before that still carries the number (S58).",
                "Remember whom each event was for (the object, not the number), and drop the events of those "
                "that were closed meanwhile.",
            )


def _successions(history: History) -> Iterator[tuple[Life, Life]]:
    """(the one that had an fd, the next one that got it), of those that tell their calls."""
    last: dict[int, Life] = {}
    for life in history.lives:
        if life.fd in last and last[life.fd].rows and life.rows:
            yield last[life.fd], life
        last[life.fd] = life


def _used(row: Row) -> bool:
    """Whether its owner got to the event of a row: any call before the close."""
    return bool(row.calls) and row.calls[0].name != "close"
