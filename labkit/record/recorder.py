"""The recorder: it stands at the wait boundary and at the sockets, and writes down what passes.

A Recorder turns `wait → handlers → wait` into one record on a Tape. Whoever owns the wait makes it through
`wait`, and tells what will be asked by `asks`; sockets tell their calls (sockets.py). It asks the kernel for
the queues of every fd that was touched. It knows nothing of how a loop is built.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from threading import get_ident
from typing import Any

from labkit.record.sockets import Sockets, clock
from labkit.record.watched import (
    Count,
    Described,
    Far,
    Sizes,
    Watched,
    channel_buffers,
    channel_sizes,
    nobody,
    numbered,
)
from labkit.tape import packing
from labkit.tape.packing import number
from labkit.tape.tape import Tape
from labkit.tape.turn import Now

log = logging.getLogger("labkit")
LOOKED_AT_ANEW = 64  # fds whose bytes are noted in the first turn that is stepped after others
SOUGHT_EVERY = 64  # turns between two looks for fds that were closed behind everybody's back
FEW = 8  # so many are looked at whenever the interest set has changed
SHORT = 50_000  # ns: a turn that was over sooner did not sleep, and lost no processor
CPU_READ_EVERY = 16  # short turns


def ready_keys(answer: Iterable[tuple[Any, int]]) -> tuple[int, ...]:
    """What a selector's select() returned, as (fd, events, fd, events, …)."""
    told: list[int] = []
    for key, events in answer:
        told += (key.fd, events)
    return tuple(told)


class Recorder:
    """Writes one record a turn on `tape`.

    `sizes(data)` says what the program's own two buffers of an fd hold, `describe(fd, data)` its name and the
    capacities of its kernel queues. `count(fd, data, received, sent)` returns its kernel queues and its
    Account, taken together; it is told what has passed through the socket. With `closely` set, the queues
    are asked for when the loop wakes and after every call as well: for stepping, where time is no matter.
    Then the bytes themselves are noted too: `buffers(data)` gives the program's own two buffers (bytes, text,
    BytesIO, StringIO), and `far(fd, data)` the bytes that are unsent and unread at the peer. Without `queues`
    nobody's buffers are looked at.

    These five are instruments: one that raises is dropped once, and logged; the loop goes on. A value that a
    tape cannot keep, such as an IntEnum, is kept as the nearest plain one.
    """

    def __init__(
        self,
        tape: Tape | None = None,
        *,
        sizes: Callable[[Any], Sizes] = channel_sizes,
        describe: Callable[[int, Any], Described] = numbered,
        count: Count | None = None,
        buffers: Callable[[Any], tuple[Any, Any]] = channel_buffers,
        far: Callable[[int, Any], Far] = nobody,
        queues: bool = True,
    ) -> None:
        self.tape = Tape() if tape is None else tape
        self.closely = False
        self._looks = queues
        # what this turn has brought
        self._calls: list[Any] = []  # flat: tuples kept by the thousand would keep the garbage collector busy
        self.note: Callable[[tuple[Any, ...]], None] = self._calls.extend
        self.empty: set[int] = set()  # fds of which the kernel said in this turn that nothing is left to read
        self.drained: Callable[[int], None] = self.empty.add
        self._asked: dict[int, int] = {}
        self._asks: dict[int, int] = {}  # what stands on the tape
        self._news: defaultdict[str, list[Any]] = defaultdict(list)  # by the fields of Changes
        self._pokes: deque[tuple[Any, ...]] = deque()  # filled by the reader's thread
        self._touched: deque[int] = deque()  # the same
        self._watched = Watched(self._calls, sizes, describe, count, buffers, far)
        self.sockets = Sockets(self)  # those that tell this recorder their calls
        # the turn that is open
        self._turn: tuple[Any, ...] | None = None  # began, timeout, ready, woke, thread, asked
        self._cpu = 0
        self._unread = 0  # short turns since the CPU clock was read
        self._turns = 0
        self.dropped = 0  # how often an fd that was watched was closed
        self._over = False
        self._writing = threading.Lock()  # finish() by whoever stops to record, while the loop goes on

    # ---- what the owner of the wait tells ------------------------------------------------------------

    def asks(self, fd: int, events: int, data: Any = None) -> None:
        """From the next wait on, `fd` is asked about for `events`; 0 takes it out of the interest set."""
        events = (events if events.__class__ is int else number(events) or 0) & 7
        if self._asks.get(fd) == events:  # what was taken back is no change
            self._asked.pop(fd, None)
        else:
            self._asked[fd] = events
        if not events:
            self._watched.leave(fd)
        elif (described := self._watched.ask(fd, events, data)) is not None:
            self._news["names"].append((fd, *described))

    def wait(
        self,
        call: Callable[[Any], Any],
        timeout: Any,
        ready: Callable[[Any], tuple[int, ...]] = ready_keys,
    ) -> Any:
        """Make the wait call(timeout), and return or raise what it does: one turn ends, and the next begins.

        `ready` makes (fd, events, fd, events, …) of what the call returned.
        """
        over = clock()
        if self._turn is None:
            self._cpu = time.thread_time_ns()
            began = clock()
        else:
            self.finish(over)
            began = clock()
            # The CPU clock is a system call, and dear: it is read seldom. What the recorder has used since is
            # taken out by the wall clock, unless it was so long that the thread may have lost its processor.
            self._cpu = self._cpu + began - over if began - over < SHORT else time.thread_time_ns()
        try:
            answer = call(timeout)
        except BaseException as error:
            self._woke(began, timeout, ())
            self.error(-1, f"{type(error).__name__}: {error}")
            self.finish()
            raise
        try:
            told = ready(answer)
        except Exception:
            log.exception("the recorder could not read what a wait returned; this turn is recorded without")
            told = ()
        self._woke(began, timeout, told)
        return answer

    def _woke(self, began: int, timeout: Any, ready: tuple[int, ...]) -> None:
        if self._over:
            return
        if timeout is not None and (timeout.__class__ is not float or timeout != timeout):
            timeout = number(timeout)
        asked: tuple[Any, ...] = ()
        if self._asked:
            told, self._asked = self._asked, {}
            asked = tuple(told.items())
            self._asks.update(told)
        self._turn = (began, timeout, ready, clock(), get_ident(), asked)
        if self.closely:
            for fd in ready[::2]:
                self._look_closely(0, fd)

    def error(self, fd: int, text: str) -> None:
        """A handler of `fd` raised; −1: the wait itself."""
        self._news["errors"].append((fd, text))

    def finish(self, now: int | None = None) -> None:
        """Close the turn that is open, if one is: at the next wait, or when the loop is stopped."""
        with self._writing:
            turn, self._turn = self._turn, None
            if turn is not None and not self._over:
                try:
                    self._write(clock() if now is None else now, turn)
                except Exception:
                    log.exception("the recorder could not write a turn; it is not on the tape")

    def end(self) -> None:
        """Close the turn that is open, and record nothing any more; from any thread, also inside a wait."""
        self.finish()
        self._over = True

    def _write(self, now: int, turn: tuple[Any, ...]) -> None:
        began, timeout, ready, woke, thread, asked = turn
        cpu_ns = self._cpu_used(now - began) if thread == get_ident() else now - woke
        calls = self._calls[:]  # while another thread may still add to them
        watched, closely = self._watched, self.closely
        touched = {*ready[::2], *packing.fds_of(calls)}
        if asked or self._news or self._touched:
            touched.update(fd for fd, _ in asked)
            touched.update(fd for fd, *_ in self._news.get("names", ()))
            touched.update(_drain(self._touched))
        self._turns += 1
        if watched.behind and ((asked and len(watched.behind) <= FEW) or not self._turns % SOUGHT_EVERY):
            for fd in watched.closed():
                self._drop(fd)
        if watched.left:
            watched.behind |= watched.left
            watched.left.clear()
        if closely:  # every one is written, with its contents
            watched.told.clear()
            self.empty.clear()
        samples = watched.sample(touched, self.empty, watched.told) if self._looks else ()
        backlog = () if touched.isdisjoint(watched.listeners) else watched.backlog(touched)
        contents = watched.contents(samples) if closely else ()
        if calls:
            del self._calls[: len(calls)]
            watched.tallied = 0
            self.empty.clear()
        news = None
        if asked or contents or backlog or self._news or self._pokes:
            told, self._news = self._news, defaultdict(list)
            named, gone = {fd for fd, *_ in told.get("names", ())}, set(told.get("gone", ()))
            for fd in (named & gone) - watched.data.keys():
                self._news["gone"].append(fd)  # it was closed after: the name is not the next owner's
                self._news["names"].append((fd, *numbered(fd, None)))
            for fd in packing.taken_again(calls, gone) - named:
                told["names"].append((fd, *numbered(fd, None)))
            pokes = tuple(_drain(self._pokes)) if self._pokes else ()
            news = packing.changes(interest=asked, pokes=pokes, contents=contents, backlog=backlog, **told)
        asleep, awake, made = woke - began, now - woke, packing.since(woke, calls) if calls else ()
        record = began, timeout, ready, asleep, awake, cpu_ns, thread, made, samples, closely, news
        self.tape.append(record)

    def _cpu_used(self, took: int) -> int:
        """The thread's CPU in a turn that took so long by the wall clock."""
        if took < SHORT and self._unread < CPU_READ_EVERY:
            self._unread += 1
            self._cpu += took
            return took
        cpu = time.thread_time_ns()
        used, self._cpu, self._unread = cpu - self._cpu, cpu, 0
        return min(max(0, used), took)  # the two clocks are not read at one moment

    # ---- what sockets and peers tell -----------------------------------------------------------------

    def look_closely(self, closely: bool) -> None:
        """Ask for the queues, and note the bytes themselves, after every call; or no longer."""
        if closely and not self.closely:  # what has changed since nobody saw
            self._touched.extend(list(self._watched.data)[:LOOKED_AT_ANEW])
        self.closely = closely
        self.note = self._note_closely if closely else self._calls.extend

    # note((fd, name, arg, result, errno, clock())): a call was made. A socket calls it twice a round trip, so
    # it is the list's own extend unless somebody looks closely.

    def _note_closely(self, call: tuple[Any, ...]) -> None:
        self._calls.extend(call)
        if self._turn is not None:
            fd, name, _, result, *_ = call
            sent, got = (result or 0 if name == kind else 0 for kind in ("send", "recv"))
            self._look_closely(packing.how_many(self._calls), fd, sent, got)

    def passes(self, fd: int, data: Any, count: int, *, sent: bool) -> None:
        """The bytes of the call that is noted next: the first `count` of `data`. Called in stepping only."""
        self._watched.passes(fd, data, count, sent)

    @property
    def made(self) -> int:
        """How many calls were noted in the turn that is open."""
        return packing.how_many(self._calls)

    def enters(self, fd: int, name: str, arg: int | None = None) -> tuple[int, Any]:
        """A method of the program begins on `fd`. Hand the answer to `leaves`."""
        self._calls.extend((fd, name, arg, 0, 0, clock()))
        return len(self._calls), self._turn

    def leaves(self, entered: tuple[int, Any], errno: int = 0) -> None:
        """The method that began there is over: the `result` in its row is how many calls it made."""
        place, turn = entered
        if self._turn is turn and place <= len(self._calls):  # else it waited itself: its row is on the tape
            packing.enclose(self._calls, place, errno)

    def ends_sending(self, fd: int) -> None:
        """`fd` will send no more (shutdown(2)): in its send queue the end counts as a byte."""
        self._watched.half_closed.add(fd)

    def closes(self, fd: int) -> None:
        """`fd` is about to be closed."""
        if self._looks and not self.closely and fd in self._watched.data:  # what lies there is lost
            self._news["moments"].append((self.made, fd, self._watched.lying(fd), None, None))
        self.note((fd, "close", None, None, 0, clock()))
        self._drop(fd)

    def _drop(self, fd: int) -> None:
        if self._watched.drop(fd):
            self.dropped += 1
            self._news["gone"].append(fd)

    def rename(self, fd: int, name: str) -> None:
        """From this turn on `fd` is called so: a connection has said who it is."""
        self._news["names"].append((fd, name, None))

    def poke(self, poke: tuple[Any, ...], fd: int | None) -> None:
        """A peer was driven; `fd` is the loop's end of its connection, if that is known yet."""
        self._pokes.append(poke)
        if fd is not None:
            self._touched.append(fd)

    def socket(self, *args: Any, **kwargs: Any) -> socket.socket:
        """A socket.socket(…) whose calls are recorded, and those of every socket it accepts."""
        made: socket.socket = self.sockets.record(socket.socket(*args, **kwargs))
        return made

    def now(self) -> Now:
        """What the kernel holds of every watched fd, and what a wait would be told; of a stopped loop."""
        return self._watched.now()

    def _look_closely(self, after: int, fd: int, sent: int = 0, got: int = 0) -> None:
        moment = self._watched.moment(after, fd, sent, got)
        if moment is not None:
            self._news["moments"].append(moment)


def _drain(items: deque[Any]) -> Iterator[Any]:
    while items:
        yield items.popleft()
