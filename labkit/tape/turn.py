"""What one turn of a loop is, as frozen records: the vocabulary of everything that is shown.

Everything drawn, narrated, checked or saved is made from these. They know nothing of sockets or tapes, and
have no words: narrate has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from typing import NamedTuple


class Event(IntFlag):
    """What a loop asks of an fd, and what it is told: the selectors module's values, and a third."""

    READ = 1
    WRITE = 2
    EXCEPT = 4


EVENTS = tuple(Event(value) for value in range(8))


class Call(NamedTuple):
    """One call that was made on an fd while the loop was awake.

    `arg` is the argument (bytes for recv and send), `result` what came back (bytes moved; the new fd of an
    accept), `errno` 0 or the error's number, `at_ns` nanoseconds since the loop woke. Every way to receive is
    called recv (recvfrom, recvmsg, recv_into …), every way to send is called send (sendto, sendall …; of a
    sendall that failed nobody knows how much went). A peek is a recv with MSG_PEEK: it moves nothing.

    While asyncore is watched there is a row for each method of its dispatchers too, where it began: any name
    that is not in SYSTEM_CALLS. Its `result` is how many of the rows after it were made by it (`depths` makes
    the nesting of that), its `arg` the flags of a readwrite(), its `errno` that of an OSError it
    raised, or RAISED for any other exception.
    """

    fd: int
    name: str
    arg: int | None
    result: int | None
    errno: int
    at_ns: int


RAISED = -1  # the errno of a method that raised something without one
SYSTEM_CALLS = frozenset(["accept", "close", "connect", "peek", "recv", "send", "shutdown"])


def depths(calls: Iterable[Call]) -> list[int]:
    """How deep each call is nested in methods that were recorded: 0 for what the loop itself calls."""
    found: list[int] = []
    ends: list[int] = []  # where each method that is open ends
    for at, call in enumerate(calls):
        while ends and ends[-1] <= at:
            ends.pop()
        found.append(len(ends))
        if call.name not in SYSTEM_CALLS:
            ends.append(at + 1 + (call.result or 0))
    return found


def callers(calls: Iterable[Call]) -> list[tuple[str, str]]:
    """(who called, what was called) for each call.

    Methods that were not recorded are passed over: of our own loop's calls all that is said is "the program".
    """
    found: list[tuple[str, str]] = []
    above: list[str] = []
    calls = tuple(calls)
    for call, depth in zip(calls, depths(calls), strict=True):
        del above[depth:]
        found.append((above[-1] if above else CALLED_BY.get(call.name, "the program"), call.name))
        above.append(call.name)
    return found


# Which of asyncore's two waits calls what: poll() has three functions for it, poll2() one.
CALLED_BY = {"read": "poll", "write": "poll", "_exception": "poll", "readwrite": "poll2"}


class Queues(NamedTuple):
    """Bytes in the four buffers of one connection, on the loop's side. None: the kernel does not say."""

    recv_queue: int | None
    read_buffer: int | None
    write_buffer: int | None
    send_queue: int | None


class Contents(NamedTuple):
    """The bytes themselves at the six places of one connection: the first 256 of each, oldest first.

    `unsent` and `unread` are the peer's send queue and its receive queue. None: nobody can say.
    """

    recv_queue: bytes | None
    read_buffer: bytes | None
    write_buffer: bytes | None
    send_queue: bytes | None
    unsent: bytes | None
    unread: bytes | None


CONTENTS_AT_MOST = 256  # bytes of one place


class Account(NamedTuple):
    """A connection counted at both ends, in bytes: what was handed over, and what lies at the peer.

    `open` is False once the peer closed its end: what lay there can no longer be counted. `moving` is True
    if the count need not balance: the peer was at work meanwhile, or bytes passed where nobody counts them.
    """

    peer_sent: int
    peer_unsent: int
    received: int
    sent: int
    peer_unread: int
    peer_received: int
    open: bool
    moving: bool


class Capacity(NamedTuple):
    """Bytes that the kernel lets each of its queues of a connection grow to (socket(7)), as first asked."""

    recv_queue: int | None
    send_queue: int | None
    peer_unsent: int | None
    peer_unread: int | None


class Moment(NamedTuple):
    """Where the bytes of `fd` stood after `after` calls of the iteration; 0 is when the loop woke.

    What a recv has just returned is in the program's hands, and counted in the read buffer.
    """

    after: int
    fd: int
    queues: Queues
    account: Account | None
    contents: Contents | None = None


class Now(NamedTuple):
    """What the kernel holds at this moment of the fds of a stopped loop: as its next wait would find it.

    `interest` is what it will ask about, `ready` what it would be told at once.
    """

    interest: Mapping[int, Event]
    ready: Mapping[int, Event]
    queues: Mapping[int, Queues]
    contents: Mapping[int, Contents]


class Poke(NamedTuple):
    """What somebody did to a peer before this iteration: connect, send, recv, shutdown, close or reset."""

    peer: str
    action: str
    arg: int | None
    result: int | None
    errno: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a loop: what it asked, how long it slept, what it was told, and what it did then.

    Times are in nanoseconds: `at_ns` on the clock of time.perf_counter_ns, `asleep_ns` asleep in the wait,
    `awake_ns` awake until the next wait, `cpu_ns` the thread's CPU in both; the recorder's own work is left
    out. `timeout` is in seconds, None for no limit. The mappings are by fd and shared: do not write to them.
    `stepped` is True if Lab.step() made it, which does not sleep, False in a loop that runs by itself;
    `contents` are known of those that were stepped only. `backlog` has how many connections wait to be
    accepted, by the fd of the listener (tcp(7), on Linux). A turn of less than 50 µs is taken to have used
    the CPU all the time: it did not sleep.
    """

    index: int
    at_ns: int
    timeout: float | None
    interest: Mapping[int, Event]
    ready: Mapping[int, Event]
    asleep_ns: int
    awake_ns: int
    cpu_ns: int
    thread: int
    calls: tuple[Call, ...]
    queues: Mapping[int, Queues]
    accounts: Mapping[int, Account]
    names: Mapping[int, str]
    capacity: Mapping[int, Capacity]
    pokes: tuple[Poke, ...] = ()
    errors: tuple[tuple[int, str], ...] = ()
    moments: tuple[Moment, ...] = ()
    stepped: bool = False
    contents: Mapping[int, Contents] = field(default_factory=dict)
    backlog: Mapping[int, int] = field(default_factory=dict)

    def name(self, fd: int) -> str:
        """The reader's name for `fd`, or its number."""
        return self.names.get(fd, f"fd {fd}")

    def balance(self, fd: int) -> bool | None:
        """Whether every byte of a connection is accounted for, in both directions (tcp(7)).

        sent − received == recv_queue of the receiver + send_queue of the sender. None where it cannot be
        said: no account, a peer that is closed, or a count that need not balance.
        """
        account, queues = self.accounts.get(fd), self.queues.get(fd)
        if account is None or queues is None or account.moving or not account.open:
            return None
        if queues.recv_queue is None or queues.send_queue is None:
            return None
        return (
            account.peer_sent - account.received == queues.recv_queue + account.peer_unsent
            and account.sent - account.peer_received == queues.send_queue + account.peer_unread
        )
