"""The recorder: it stands at the wait boundary and at the sockets, and writes down what passes.

A Recorder turns `select → handlers → select` into one record on a Tape. Whoever owns the wait tells it three
things: what is asked, that the wait begins, what came back. Sockets made by it tell it their calls. It asks
the kernel for the queues of every fd that was touched. It knows nothing of how a loop is built.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from labkit import kernel
from labkit.record.contents import Sent, first, received
from labkit.tape.tape import Tape
from labkit.tape.turn import CONTENTS_AT_MOST, EVENTS, Contents, Now, Queues

log = logging.getLogger("labkit")
clock = time.perf_counter_ns
LOOKED_AT_ANEW = 64  # fds whose bytes are noted in the first turn that is stepped after others

Sizes = tuple[int | None, int | None]
Bytes = tuple[bytes | None, bytes | None]
Count = Callable[[int, Any, int, int], tuple[Sizes, tuple[Any, ...] | None]]


def channel_sizes(data: Any) -> Sizes:
    """Bytes in (read_buffer, write_buffer) of a channel; None for what it does not have."""
    if data.__class__ is tuple:  # asyncio registers a pair of handles
        return None, None
    try:
        return len(data.read_buffer), len(data.write_buffer)
    except (AttributeError, TypeError):
        read, write = getattr(data, "read_buffer", None), getattr(data, "write_buffer", None)
        return (None if read is None else len(read), None if write is None else len(write))


def channel_buffers(data: Any) -> tuple[Any, Any]:
    """(read_buffer, write_buffer) of a channel themselves; None for what it does not have."""
    return getattr(data, "read_buffer", None), getattr(data, "write_buffer", None)


def nobody(fd: int, data: Any) -> Bytes:
    """The peer's side of a connection whose peer nobody knows."""
    return None, None


def numbered(fd: int, data: Any) -> tuple[str, tuple[int | None, ...] | None]:
    """A name for an fd that nobody named, and no capacities."""
    return f"fd {fd}", None


class Recorder:
    """Writes one record a turn on `tape`.

    `sizes(data)` says what the program's own two buffers of an fd hold, `describe(fd, data)` its name and the
    capacities of its kernel queues. `count(fd, data, received, sent)` returns its kernel queues and its
    Account, taken together; it is told what has passed through the socket. With `closely` set, the queues
    are asked for when the loop wakes and after every call as well: for stepping, where time is no matter.
    Then the bytes themselves are noted too: `buffers(data)` gives the program's own two buffers (bytes, text,
    BytesIO, StringIO), and `far(fd, data)` the bytes that are unsent and unread at the peer.
    Without `queues` nobody's buffers are looked at: the sets and the times alone cost next to nothing.

    An instrument that raises is dropped once, and logged; the loop goes on.
    """

    def __init__(
        self,
        tape: Tape | None = None,
        *,
        sizes: Callable[[Any], Sizes] = channel_sizes,
        describe: Callable[[int, Any], tuple[str, tuple[int | None, ...] | None]] = numbered,
        count: Count | None = None,
        buffers: Callable[[Any], tuple[Any, Any]] = channel_buffers,
        far: Callable[[int, Any], Bytes] = nobody,
        queues: bool = True,
    ) -> None:
        self.tape = Tape() if tape is None else tape
        self._sizes = sizes
        self._describe = describe
        self._count = count
        self._buffers, self._far = buffers, far
        self._sent: dict[int, Sent] = {}
        self._looks = queues
        self._recv_queue, self._send_queue = kernel.queue_readers()
        self._data: dict[int, Any] = {}  # every fd that is watched → what the program registered with it
        self._unwatched: set[int] = set()  # no longer asked about; perhaps closed
        self._changes: dict[int, int] = {}
        self._interest: dict[int, int] = {}
        self._taken = b""  # the first bytes that the last recv returned
        self._gone: list[int] = []
        self._names: list[tuple[Any, ...]] = []
        self._calls: list[Any] = []  # flat: tuples kept by the thousand would keep the garbage collector busy
        self._totals: dict[int, list[int]] = {}
        self._tallied = 0  # how much of _calls is in _totals
        self.empty: set[int] = set()  # fds of which the kernel said in this turn that nothing is left to read
        self.note: Callable[[tuple[Any, ...]], None] = self._calls.extend
        self._pokes: deque[tuple[Any, ...]] = deque()  # filled by the reader's thread
        self._touched: deque[int] = deque()  # the same
        self._errors: list[tuple[int, str]] = []
        self._moments: list[tuple[Any, ...]] = []
        self._turn: tuple[Any, ...] | None = None
        self._cpu = 0

    # ---- what the owner of the wait tells ------------------------------------------------------------

    def asks(self, fd: int, events: int, data: Any = None) -> None:
        """From the next wait on, `fd` is asked about for `events`; 0 takes it out of the interest set."""
        self._changes[fd] = events
        if not events:
            self._unwatched.add(fd)
            self._interest.pop(fd, None)
            return
        self._interest[fd] = events
        anew = fd not in self._data or (fd in self._unwatched and self._data[fd] is not data)
        self._unwatched.discard(fd)
        self._data[fd] = data
        if anew:
            name, capacity = self._guard(self._describe, fd, data) or numbered(fd, data)
            self._names.append((fd, name, capacity))

    def waits(self) -> int:
        """The wait begins: close the turn before. Returns the time to hand to `woke`."""
        if self._turn is None:
            self._cpu = time.thread_time_ns()
            return clock()
        finished = clock()
        self.finish()
        began = clock()
        # The CPU clock is a system call, and dear: it is read once a turn. What the recorder has used since
        # is taken out by the wall clock, unless it was so long that the thread may have lost its processor.
        used = began - finished
        self._cpu = self._cpu + used if used < 50_000 else time.thread_time_ns()
        return began

    def woke(self, began: int, timeout: float | None, ready: tuple[int, ...]) -> None:
        """The wait that began at `began` is over; `ready` is (fd, events, fd, events, …) as it came back."""
        self._turn = (began, timeout, ready, clock(), tuple(self._changes.items()))
        self._changes.clear()
        if self.closely:
            for fd in ready[::2]:
                self._look_closely(0, fd)

    def finish(self) -> None:
        """Close the turn that is open, if one is: at the next wait, or when the loop is stopped."""
        if self._turn is None:
            return
        now, cpu = clock(), time.thread_time_ns()
        used, self._cpu = max(0, cpu - self._cpu), cpu
        began, timeout, ready, woke, changes = self._turn
        self._turn = None
        self._calls[5::6] = [at - woke for at in self._calls[5::6]]
        calls = tuple(self._calls)
        if self._unwatched:
            self._forget_closed()
        samples = self._sample(self._touched_in(ready, calls, changes)) if self._looks else ()
        self._calls.clear()
        self.empty.clear()
        self._tallied = 0
        extra = None
        contents = self._hold(samples) if self.closely else ()
        if changes or self._gone or self._names or self._pokes or self._errors or self._moments or contents:
            extra = (
                changes,
                tuple(self._gone),
                tuple(self._names),
                tuple(_drain(self._pokes)),
                tuple(self._errors),
                tuple(self._moments),
                contents,
            )
            for kept in (self._gone, self._names, self._errors, self._moments):
                kept.clear()
        self.tape.append(
            (
                began,
                timeout,
                ready,
                woke - began,
                now - woke,
                used,
                threading.get_ident(),
                calls,
                samples,
                self.closely,
                extra,
            )
        )

    def error(self, fd: int, text: str) -> None:
        """A handler of `fd` raised."""
        self._errors.append((fd, text))

    # ---- what sockets and peers tell -----------------------------------------------------------------

    @property
    def closely(self) -> bool:
        """Whether the queues are asked for after every call."""
        return self.note != self._calls.extend

    @closely.setter
    def closely(self, closely: bool) -> None:
        if closely and not self.closely:  # what has changed since nobody saw
            self._touched.extend(list(self._data)[:LOOKED_AT_ANEW])
        self.note = self._note_closely if closely else self._calls.extend

    # note((fd, name, asked, result, errno, clock())): a call was made. A socket calls it twice a round trip,
    # so it is the list's own extend unless somebody looks closely.

    def _note_closely(self, call: tuple[Any, ...]) -> None:
        self._calls.extend(call)
        if self._turn is not None:
            fd, name, _, result, *_ = call
            moved = result or 0
            self._look_closely(
                len(self._calls) // 6,
                fd,
                sent=moved if name == "send" else 0,
                got=moved if name == "recv" else 0,
            )

    def passes(self, fd: int, data: Any, count: int, *, sent: bool) -> None:
        """The bytes of the call that is noted next: the first `count` of `data`. Called in stepping only."""
        if not sent:
            self._taken = (first(memoryview(data)[:count]) if count else None) or b""
        else:
            self._sent.setdefault(fd, Sent()).add(data, count, self._tally(fd)[1] + count)

    def enters(self, fd: int, name: str, asked: int | None = None) -> tuple[int, Any]:
        """A method of the program begins on `fd`. Hand the answer to `leaves`."""
        self._calls.extend((fd, name, asked, 0, 0, clock()))
        return len(self._calls), self._turn

    def leaves(self, entered: tuple[int, Any], errno: int = 0) -> None:
        """The method that began there is over: the `result` in its row is how many calls it made."""
        place, turn = entered
        if self._turn is turn:  # unless it waited itself: then its row is on the tape already
            self._calls[place - 3] = (len(self._calls) - place) // 6
            if errno:
                self._calls[place - 2] = errno

    def closes(self, fd: int) -> None:
        """`fd` is about to be closed."""
        self.note((fd, "close", None, None, 0, clock()))
        self._drop(fd)

    def rename(self, fd: int, name: str) -> None:
        """From this turn on `fd` is called so: a connection has said who it is."""
        self._names.append((fd, name, None))

    def poke(self, poke: tuple[Any, ...], fd: int | None) -> None:
        """A peer was driven; `fd` is the loop's end of its connection, if that is known yet."""
        self._pokes.append(poke)
        if fd is not None:
            self._touched.append(fd)

    def socket(self, *args: Any, **kwargs: Any) -> RecordedSocket:
        """A socket.socket(…) whose calls are recorded, and those of every socket it accepts."""
        made = RecordedSocket(*args, **kwargs)
        made.record_with(self)
        return made

    # ---- asking the kernel ---------------------------------------------------------------------------

    def _touched_in(
        self, ready: tuple[int, ...], calls: tuple[Any, ...], changes: tuple[Any, ...]
    ) -> Iterable[int]:
        """The fds that anything happened to in a turn, each once."""
        touched = dict.fromkeys(ready[::2])
        touched.update(dict.fromkeys(calls[::6]))
        if changes or self._touched or self._names:
            touched.update(dict.fromkeys(row[0] for row in (*changes, *self._names)))
            touched.update(dict.fromkeys(_drain(self._touched)))
        return touched

    def _sample(self, touched: Iterable[int]) -> tuple[Any, ...]:
        """(fd, recv_queue, read_buffer, write_buffer, send_queue, account, …) of each fd that is watched."""
        watched, sizes, count = self._data, self._sizes, self._count
        recv_queue, send_queue = self._recv_queue, self._send_queue
        empty = self.empty
        samples: list[Any] = []
        try:
            for fd in touched:
                if fd not in watched:
                    continue
                read, write = sizes(watched[fd])
                if count is None:
                    samples += (fd, 0 if fd in empty else recv_queue(fd), read, write, send_queue(fd), None)
                else:
                    (received, unsent), account = count(fd, watched[fd], *self._tally(fd))
                    samples += (fd, received, read, write, unsent, account)
        except Exception:
            log.exception("the recorder could not look at a channel's buffers; it stops looking at them")
            self._sizes, self._count = (lambda data: (None, None)), None
        return tuple(samples)

    def _tally(self, fd: int) -> list[int]:
        """[bytes received, bytes sent] through the socket of `fd` since it is watched."""
        calls = self._calls[self._tallied :]
        self._tallied = len(self._calls)
        for on, name, _, result, _, _ in zip(*[iter(calls)] * 6, strict=True):
            if result and name in ("recv", "send"):
                self._totals.setdefault(on, [0, 0])[name == "send"] += result
        return self._totals.get(fd, [0, 0])

    def _look_closely(self, after: int, fd: int, sent: int = 0, got: int = 0) -> None:
        seen = self._sample((fd,))
        if not seen:
            return
        _, recv_queue, read, write, send_queue, account = seen
        contents = self._contents(seen, sent)
        if write:  # the program takes what was sent out of its buffer only after send has returned
            write = max(0, write - sent)
        if got and read is not None:  # and puts what it received somewhere only after recv has
            read += got
            if contents.read_buffer is not None:
                held = (contents.read_buffer + self._taken)[:CONTENTS_AT_MOST]
                contents = contents._replace(read_buffer=held)
        self._moments.append((after, fd, (recv_queue, read, write, send_queue), account, tuple(contents)))

    def _hold(self, samples: tuple[Any, ...]) -> tuple[tuple[int, Any], ...]:
        """(fd, its Contents) of every fd that was sampled."""
        each = (samples[at : at + 6] for at in range(0, len(samples), 6))
        return tuple((sample[0], tuple(self._contents(sample))) for sample in each)

    def _contents(self, sample: tuple[Any, ...], sent_now: int = 0) -> Contents:
        fd, recv_queue, _, _, send_queue, _ = sample
        data, sent = self._data[fd], self._sent.get(fd)
        read, write = self._guard(self._buffers, data) or (None, None)
        unsent, unread = self._guard(self._far, fd, data) or (None, None)
        if sent is not None:
            queued = sent.last(send_queue, self._tally(fd)[1])
        else:
            queued = b"" if send_queue == 0 else None
        return Contents(received(fd, recv_queue), first(read), first(write, sent_now), queued, unsent, unread)

    def now(self) -> Now:
        """What the kernel holds of every watched fd, and what a wait would be told; of a stopped loop."""
        interest = {fd: EVENTS[events] for fd, events in tuple(self._interest.items())}
        queues, contents = {}, {}
        for fd in tuple(self._data):
            sample = self._sample((fd,))
            if sample:
                queues[fd] = Queues(*sample[1:5])
                contents[fd] = self._contents(sample)
        ready = {fd: EVENTS[events] for fd, events in kernel.ready(interest).items()}
        return Now(interest, ready, queues, contents)

    def _forget_closed(self) -> None:
        for fd in tuple(self._unwatched):
            if not kernel.is_open(fd):
                self._drop(fd)
        self._unwatched.clear()

    def _drop(self, fd: int) -> None:
        if self._data.pop(fd, None) is not None:
            self._gone.append(fd)
        self._tally(fd)
        self._totals.pop(fd, None)
        self._sent.pop(fd, None)
        self._interest.pop(fd, None)

    def _guard(self, instrument: Callable[..., Any], *args: Any) -> Any:
        try:
            return instrument(*args)
        except Exception:
            log.exception("an instrument of the recorder raised; its answer is left out")
            return None


def _drain(items: deque[Any]) -> Iterator[Any]:
    while items:
        yield items.popleft()


class RecordedSocket(socket.socket):
    """A socket that tells a Recorder every call that moves bytes, accepts, connects or closes.

    It makes the same system calls as socket.socket, returns the same values and raises the same errors.
    """

    __slots__ = ("_fd", "_recorder")

    def record_with(self, recorder: Recorder) -> None:
        """Tell `recorder` of every call from now on."""
        self._recorder = recorder
        self._fd = self.fileno()

    @property
    def fd(self) -> int:
        """Its number; of a closed socket, the one that it had."""
        return self._fd

    def recv(self, size: int, flags: int = 0) -> bytes:
        try:
            data = _recv(self, size, flags)
        except OSError as error:
            self._recorder.note((self._fd, "recv", size, None, error.errno or 0, clock()))
            raise
        if self._recorder.closely:
            self._recorder.passes(self._fd, data, len(data), sent=False)
        self._recorder.note((self._fd, "recv", size, got := len(data), 0, clock()))
        if got < size:  # a short read of a stream: its queue is empty (recv(2), epoll(7))
            self._recorder.empty.add(self._fd)
        return data

    def send(self, data: Any, flags: int = 0) -> int:
        try:
            sent = _send(self, data, flags)
        except OSError as error:
            self._recorder.note((self._fd, "send", len(data), None, error.errno or 0, clock()))
            raise
        if self._recorder.closely:
            self._recorder.passes(self._fd, data, sent, sent=True)
        self._recorder.note((self._fd, "send", len(data), sent, 0, clock()))
        return sent

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        size = nbytes or len(buffer)
        try:
            received = super().recv_into(buffer, nbytes, flags)
        except OSError as error:
            self._recorder.note((self._fd, "recv", size, None, error.errno or 0, clock()))
            raise
        if self._recorder.closely:
            self._recorder.passes(self._fd, buffer, received, sent=False)
        self._recorder.note((self._fd, "recv", size, received, 0, clock()))
        return received

    def accept(self) -> tuple[Self, Any]:
        try:
            fd, address = self._accept()  # type: ignore[attr-defined]
        except OSError as error:
            self._recorder.note((self._fd, "accept", None, None, error.errno or 0, clock()))
            raise
        self._recorder.note((self._fd, "accept", None, fd, 0, clock()))
        connection = type(self)(self.family, self.type, self.proto, fileno=fd)
        connection.record_with(self._recorder)
        if socket.getdefaulttimeout() is None and self.gettimeout():
            connection.setblocking(True)
        return connection, address

    def connect(self, address: Any) -> None:
        try:
            super().connect(address)
        except OSError as error:
            self._recorder.note((self._fd, "connect", None, None, error.errno or 0, clock()))
            raise
        self._recorder.note((self._fd, "connect", None, 0, 0, clock()))

    def connect_ex(self, address: Any) -> int:
        errno = super().connect_ex(address)
        self._recorder.note((self._fd, "connect", None, None if errno else 0, errno, clock()))
        return errno

    def shutdown(self, how: int) -> None:
        super().shutdown(how)
        self._recorder.note((self._fd, "shutdown", how, 0, 0, clock()))

    def close(self) -> None:
        if self.fileno() >= 0:
            self._recorder.closes(self._fd)
        super().close()


_recv, _send = socket.socket.recv, socket.socket.send
