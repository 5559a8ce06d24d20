"""Tapes that are written by hand, turn by turn, and the pieces that ill ones are made of.

Alice is asked about, is ready to read, and has fd 5, unless it is said otherwise.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

from labkit.tape.iteration import Iteration
from labkit.tape.turn import EVENTS, Account, Call, Moment, Queues
from tests.figure.written import turn

LISTENER, ALICE, BOB = 3, 5, 6
NAMES = {LISTENER: "the listener", ALICE: "alice", BOB: "bob"}
R, W, RW, HUNG_UP = EVENTS[1], EVENTS[2], EVENTS[3], EVENTS[5]
AGAIN = errno.EAGAIN
MS = 1_000_000  # ns
Turn = dict[str, Any]


def does(
    name: str, arg: Any = None, result: Any = None, error: int = 0, fd: int = ALICE, at: int = 10
) -> Call:
    return Call(fd, name, arg, result, error, at)


def recv(arg: int, result: int | None, fd: int = ALICE, at: int = 10) -> Call:
    return does("recv", arg, result, AGAIN if result is None else 0, fd, at)


def send(arg: int, result: int | None, fd: int = ALICE, at: int = 10) -> Call:
    return does("send", arg, result, AGAIN if result is None else 0, fd, at)


def one(*calls: Call, ready: Any = None, asks: Any = R, **fields: Any) -> Turn:
    """A turn in which alice is asked about, and is ready unless it is said otherwise."""
    interest = {
        fd: events for fd, events in (asks if isinstance(asks, dict) else {ALICE: asks}).items() if events
    }
    return {"calls": calls, "ready": {ALICE: R} if ready is None else ready, "interest": interest, **fields}


def holds(*sizes: int | None, fd: int = ALICE) -> dict[str, Any]:
    """(receive queue, read buffer, write buffer, send queue) at the end of the turn."""
    return {"queues": {fd: Queues(*sizes)}}


def account(is_open: bool) -> dict[str, Any]:
    return {"accounts": {ALICE: Account(0, 0, 0, 0, 0, 0, is_open, False)}}


def at_close(*sizes: int, after: int) -> dict[str, Any]:
    return {"moments": (Moment(after, ALICE, Queues(*sizes), None),)}


def tape(turns: Sequence[Turn], first: int = 0) -> list[Iteration]:
    return [turn(first + at, **{"names": NAMES, **fields}) for at, fields in enumerate(turns)]


ASLEEP = one(ready={}, asks={LISTENER: R})  # nothing of alice
NOT_NOW = one(ready={})
TAKES = one(recv(9, 5))  # a call on alice: the tape tells them
CLOSE = does("close")

POLL = {"ready": {}, "timeout": 0, "stepped": False, "asleep_ns": 1_000, "awake_ns": 20_000, "cpu_ns": 10_000}
TRIES = one(recv(9, None), timeout=0, stepped=False, asleep_ns=1_000, awake_ns=1_000, cpu_ns=10_000)
WRITABLE = one(ready={ALICE: W}, asks=RW)
ENDED = one(recv(9, 0))
NO_FD = one(does("accept", None, None, errno.EMFILE, LISTENER), ready={LISTENER: R}, asks={LISTENER: R})
IGNORED = one()
PASSED_BY = one(recv(9, 5, BOB), ready={BOB: R, ALICE: R}, asks={BOB: R, ALICE: R})
PART = one(send(100, 40))
DEAD = one(CLOSE, does("send", 4, None, errno.EBADF))
LEFT = one(recv(9, 9), **holds(7, 0, 0, 0))
BACKLOG = one(
    does("accept", None, 8, 0, LISTENER), ready={LISTENER: R}, asks={LISTENER: R}, backlog={LISTENER: 2}
)
QUIET = one(ready={}, asks={LISTENER: R, ALICE: R})
BOBS = one(recv(9, 5, BOB), ready={BOB: R}, asks={BOB: R, ALICE: R, LISTENER: R})
RAISED = {"errors": ((ALICE, "BlockingIOError"),)}
FULL = one(recv(1024, 1024), recv(1024, None), CLOSE, **RAISED)
HALF = one(send(100, 40), asks=RW, **holds(0, 0, 60, 40))
HANGS_UP = one(recv(1024, 1024), CLOSE, ready={ALICE: HUNG_UP}, **at_close(500, 0, 0, 0, after=1))
SHORT = {"stepped": False, "asleep_ns": 0, "awake_ns": 1 * MS, "cpu_ns": 1 * MS}
SLEEPS = one(
    recv(9, 5, at=1 * MS), send(5, 5, at=151 * MS), recv(9, 7, BOB, at=152 * MS),
    ready={ALICE: R, BOB: R}, stepped=False, asleep_ns=47 * MS, awake_ns=153 * MS, cpu_ns=3 * MS,
)  # fmt: skip
COMPUTES = {**SLEEPS, "cpu_ns": 140 * MS}
FLOOD = one(
    *(recv(256, 256, at=n * 50 * MS // 63) for n in range(64)), ready={ALICE: R, BOB: R}, stepped=False
)
PIECES = one(send(4, 4), send(5, 5), **holds(0, 0, 0, 5))
SLEPT = one(ready={}, stepped=False, asleep_ns=40 * MS)
STUCK = one(send(100, 40), asks=W, **holds(0, 0, 60, 40))
WAITS = one(ready={}, asks=W)
RUNS = {**WAITS, "stepped": False, "asleep_ns": 999 * MS, "awake_ns": 1 * MS}


def grows(*sizes: int) -> list[Turn]:
    return [one(recv(9, 5), **holds(0, 0, size, 0)) for size in sizes]


def copies(count: int, cpu: int = 100_000, size: int = 20_000, moved: int = 0) -> list[Turn]:
    """The time awake, all of it CPU, grows with the size of the read buffer."""
    return [
        one(
            recv(9, 5 + moved * n),
            awake_ns=(n + 10) * cpu,
            cpu_ns=(n + 10) * cpu,
            **holds(0, (n + 1) * size, 0, 0),
        )
        for n in range(count)
    ]


CHANGES_HANDS = [
    one(recv(9, 5, BOB), ready={BOB: R}, asks={ALICE: R, BOB: R}),
    one(
        recv(9, 5), does("close", fd=BOB), does("accept", None, BOB, 0, LISTENER), recv(9, 0, BOB),
        ready={ALICE: R, BOB: R}, asks={ALICE: R, BOB: R}, names={**NAMES, BOB: "carol"},
    ),
]  # fmt: skip
