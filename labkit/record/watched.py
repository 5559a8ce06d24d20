"""The fds that are watched: whose they are, what they are called, and what stands where of each.

It asks the program (by instruments) and the kernel, at the moment of the call. It knows no turn and no tape.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable
from typing import Any

from labkit import kernel
from labkit.record.contents import Sent, first, received
from labkit.tape import packing
from labkit.tape.turn import CONTENTS_AT_MOST, EVENTS, Contents, Now, Queues

log = logging.getLogger("labkit")

Sizes = tuple[int | None, int | None]
# The first bytes (unsent, unread) at a peer, and what says the first of the last n bytes that it sent.
Far = tuple[bytes | None, bytes | None, Callable[[int], bytes | None] | None]
Count = Callable[[int, Any, int, int], tuple[Sizes, tuple[Any, ...] | None]]
Described = tuple[str, tuple[int | None, ...] | None]


def channel_sizes(data: Any) -> Sizes:
    """Bytes in (read_buffer, write_buffer) of a channel; None for what it does not have."""
    try:
        return len(data.read_buffer), len(data.write_buffer)
    except (AttributeError, TypeError):
        return _size(getattr(data, "read_buffer", None)), _size(getattr(data, "write_buffer", None))


def _size(buffer: Any) -> int | None:
    return len(buffer) if hasattr(buffer, "__len__") else None


def channel_buffers(data: Any) -> tuple[Any, Any]:
    """(read_buffer, write_buffer) of a channel themselves; None for what it does not have."""
    return getattr(data, "read_buffer", None), getattr(data, "write_buffer", None)


def nobody(fd: int, data: Any) -> Far:
    """The peer's side of a connection whose peer nobody knows."""
    return None, None, None


def numbered(fd: int, data: Any) -> Described:
    """A name for an fd that nobody named, and no capacities."""
    return f"fd {fd}", None


class Watched:
    """The fds that are watched. `calls` are those of the turn that is open, flat, as packing has them."""

    def __init__(
        self,
        calls: list[Any],
        sizes: Callable[[Any], Sizes],
        describe: Callable[[int, Any], Described],
        count: Count | None,
        buffers: Callable[[Any], tuple[Any, Any]],
        far: Callable[[int, Any], Far],
    ) -> None:
        self._calls = calls
        self._sizes, self._describe, self._count = sizes, describe, count
        self._buffers, self._far = buffers, far
        self._recv_queue, self._send_queue = kernel.queue_readers()
        self.data: dict[int, Any] = {}  # every fd → what the program registered with it
        self.interest: dict[int, int] = {}
        self.left: set[int] = set()  # those that are no longer asked about, since this turn
        self.behind: set[int] = set()  # and since others
        self.listeners: set[int] = set()
        self.half_closed: set[int] = set()
        self._identity: dict[int, Any] = {}
        self._totals: dict[int, list[int]] = {}
        self.told: dict[int, Any] = {}  # what stands on the tape of each, as sample() gives it
        self.tallied = 0  # how much of the calls is in the totals
        self._sent: dict[int, Sent] = {}
        self._taken = b""  # the first bytes that the last recv returned

    # ---- whose they are ------------------------------------------------------------------------------

    def ask(self, fd: int, events: int, data: Any) -> Described | None:
        """`fd` is asked about for `events`. Its name and capacities, if it was not known, or is another."""
        self.interest[fd] = events
        known = fd in self.data
        self.data[fd] = data
        if known and fd not in self.left and fd not in self.behind:
            return None
        self.left.discard(fd)
        self.behind.discard(fd)
        identity = kernel.identity(fd)
        if known and self._identity.get(fd) == identity:
            return None
        self._forget(fd)
        self._identity[fd] = identity
        if kernel.waiting(fd) is not None:
            self.listeners.add(fd)
        name, capacity = self._instrument("_describe", numbered(fd, data), fd, data)
        return str(name), capacity

    def leave(self, fd: int) -> None:
        """`fd` is asked about no more; it may be closed soon, and its number used again."""
        if self.interest.pop(fd, None) is not None:
            self.left.add(fd)

    def closed(self) -> list[int]:
        """Those that were left in an earlier turn, and that somebody has closed since."""
        return [fd for fd in self.behind if not kernel.is_open(fd)]

    def drop(self, fd: int) -> bool:
        """`fd` is closed, or about to be; whether it was watched."""
        self.tally(fd)
        self._forget(fd)
        self.interest.pop(fd, None)
        self.left.discard(fd)
        self.behind.discard(fd)
        watched = fd in self.data
        self.data.pop(fd, None)
        return watched

    def _forget(self, fd: int) -> None:
        for table in (self._totals, self._sent, self._identity, self.told):
            table.pop(fd, None)
        self.half_closed.discard(fd)
        self.listeners.discard(fd)

    # ---- what stands where ---------------------------------------------------------------------------

    def sample(
        self, touched: Iterable[int], empty: Container[int] = (), told: dict[int, Any] | None = None
    ) -> tuple[Any, ...]:
        """(fd, recv_queue, read_buffer, write_buffer, send_queue, account, …) of each fd that is watched.

        With `told`, only of those of which it does not say the same; it is brought up to date.
        """
        watched, sizes, count = self.data, self._sizes, self._count
        recv_queue, send_queue = self._recv_queue, self._send_queue
        samples: list[Any] = []
        for fd in touched:
            if fd not in watched:
                continue
            account = None
            try:
                read, write = sizes(watched[fd])
                if count is None:
                    received, unsent = 0 if fd in empty else recv_queue(fd), send_queue(fd)
                else:
                    (received, unsent), account = count(fd, watched[fd], *self.tally(fd))
            except Exception:
                log.exception("the recorder could not look at a channel's buffers; it stops looking at them")
                sizes = self._sizes = _unknown
                count = self._count = None
                read = write = None
                received, unsent = recv_queue(fd), send_queue(fd)
            if unsent and account is None and fd in self.half_closed:
                unsent -= 1
            holds = received, read, write, unsent, account
            if told is not None:
                if told.get(fd) == holds:
                    continue
                told[fd] = holds
            samples += (fd, *holds)
        return tuple(samples)

    def backlog(self, touched: set[int]) -> tuple[tuple[int, int], ...]:
        """(fd, connections that wait) of each listener that was touched."""
        found = ((fd, kernel.waiting(fd)) for fd in self.listeners & touched)
        return tuple((fd, waiting) for fd, waiting in found if waiting is not None)

    def tally(self, fd: int) -> list[int]:
        """[bytes received, bytes sent] through the socket of `fd` since it is watched."""
        for on, sent, count in packing.moved(self._calls[self.tallied :]):
            self._totals.setdefault(on, [0, 0])[sent] += count
        self.tallied = len(self._calls)
        return self._totals.get(fd, [0, 0])

    def moment(self, after: int, fd: int, sent: int = 0, got: int = 0) -> tuple[Any, ...] | None:
        """The fields of a Moment: where the bytes of `fd` stand, after a call that moved so many."""
        seen = self.sample((fd,))
        if not seen:
            return None
        _, recv_queue, read, write, send_queue, account = seen
        contents = self._contents(seen, sent)
        if write:  # the program takes what was sent out of its buffer only after send has returned
            write = max(0, write - sent)
        if got and read is not None:  # and puts what it received somewhere only after recv has
            read += got
            if contents.read_buffer is not None:
                held = (contents.read_buffer + self._taken)[:CONTENTS_AT_MOST]
                contents = contents._replace(read_buffer=held)
        queues = (recv_queue, read, write, send_queue)
        return after, fd, queues, account, tuple(contents)

    def contents(self, samples: tuple[Any, ...]) -> tuple[tuple[int, Any], ...]:
        """(fd, its Contents) of every fd that was sampled."""
        return tuple((sample[0], tuple(self._contents(sample))) for sample in packing.each_sample(samples))

    def _contents(self, sample: tuple[Any, ...], sent_now: int = 0) -> Contents:
        fd, recv_queue, _, _, send_queue, account = sample
        data, sent = self.data[fd], self._sent.get(fd)
        read, write = self._instrument("_buffers", (None, None), data)
        unsent, unread, front = self._instrument("_far", (None, None, None), fd, data)
        queued = b"" if send_queue == 0 else sent.last(send_queue, self.tally(fd)[1]) if sent else None
        arrived = received(fd, recv_queue)
        if account is not None:  # what was handed over at one end, and has not left the other end's queue
            _, peer_unsent, _, _, peer_unread, *_ = account
            if arrived is None and recv_queue and front:
                arrived = (front(recv_queue + peer_unsent) or b"")[:recv_queue] or None
            if unread is None and peer_unread and sent and send_queue is not None:
                unread = (sent.last(peer_unread + send_queue, self.tally(fd)[1]) or b"")[:peer_unread] or None
        return Contents(arrived, first(read), first(write, sent_now), queued, unsent, unread)

    def now(self) -> Now:
        """What the kernel holds of every watched fd, and what a wait would be told; of a stopped loop."""
        interest = {fd: EVENTS[events & 7] for fd, events in tuple(self.interest.items())}
        queues, contents = {}, {}
        for fd in tuple(self.data):
            sample = self.sample((fd,))
            if sample:
                queues[fd] = Queues(*sample[1:5])
                contents[fd] = self._contents(sample)
        ready = {fd: EVENTS[events] for fd, events in kernel.ready(interest).items()}
        return Now(interest, ready, queues, contents)

    def lying(self, fd: int) -> tuple[int | None, ...]:
        """The fields of Queues of `fd`, as they are."""
        read, write = self._instrument("_sizes", (None, None), self.data[fd])
        unsent = self._send_queue(fd)
        return self._recv_queue(fd), read, write, unsent and unsent - (fd in self.half_closed)

    def passes(self, fd: int, data: Any, count: int, sent: bool) -> None:
        """The first `count` bytes of `data` are what the next call that is noted has moved."""
        if sent:
            self._sent.setdefault(fd, Sent()).add(data, count, self.tally(fd)[1] + count)
        else:
            self._taken = bytes(memoryview(data))[: min(count, CONTENTS_AT_MOST)]

    def _instrument(self, name: str, otherwise: Any, *args: Any) -> Any:
        """What an instrument says; of one that raises, now and ever after, `otherwise`."""
        try:
            return getattr(self, name)(*args)
        except Exception:
            log.exception("an instrument of the recorder raised; it is left out from now on")
            setattr(self, name, lambda *args: otherwise)
            return otherwise


def _unknown(data: Any) -> Sizes:
    return None, None
