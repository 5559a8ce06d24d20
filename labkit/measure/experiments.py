"""Small experiments on raw sockets: a connected pair, one call measured, a thread watched while it waits.

The lessons write their socket calls themselves; this is only what stands around them. Nothing here waits
without a deadline, and nothing stays open. It knows nothing of loops, tapes or figures.
"""

from __future__ import annotations

import contextlib
import errno
import resource
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, NamedTuple, Self

from labkit import kernel
from labkit.tape.narrate import duration, plural

RUSAGE_THREAD = getattr(resource, "RUSAGE_THREAD", None)  # macOS counts the process only
PATIENCE = 5.0  # seconds that a blocking call on a pair waits at most


@contextlib.contextmanager
def pair(
    buffers: int | None = None, family: Literal["tcp", "unix", "udp"] = "tcp", *, patience: float = PATIENCE
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected, blocking sockets of this process: TCP or UDP over loopback, or AF_UNIX.

    `buffers` sets SO_SNDBUF and SO_RCVBUF of both in bytes (the kernel doubles them; socket(7)). A TCP pair
    has TCP_NODELAY, and a listener of its own that is gone when you get it. A call that blocks longer than
    `patience` seconds raises BlockingIOError: SO_RCVTIMEO and SO_SNDTIMEO, which leave O_NONBLOCK alone.
    When the block ends both are closed, and a thread that still sleeps in one of them wakes.
    """
    with contextlib.ExitStack() as stack:
        ends = _CONNECT[family](stack, buffers)
        for each in ends:
            stack.callback(_wake, each)
            limit = struct.pack("@ll", int(patience), int(patience % 1 * 1e6))
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        yield ends


def _tcp(stack: contextlib.ExitStack, buffers: int | None) -> tuple[socket.socket, socket.socket]:
    with socket.socket() as listener:
        _size(listener, buffers)  # before listen: an accepted socket inherits them (tcp(7))
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        here = _size(stack.enter_context(socket.socket()), buffers)
        here.connect(listener.getsockname())
        there = stack.enter_context(listener.accept()[0])
    for each in (here, there):
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return here, there


def _unix(stack: contextlib.ExitStack, buffers: int | None) -> tuple[socket.socket, socket.socket]:
    here, there = (stack.enter_context(each) for each in socket.socketpair())
    return _size(here, buffers), _size(there, buffers)


def _udp(stack: contextlib.ExitStack, buffers: int | None) -> tuple[socket.socket, socket.socket]:
    here, there = (
        _size(stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)), buffers) for _ in range(2)
    )
    for each in (here, there):
        each.bind(("127.0.0.1", 0))
    here.connect(there.getsockname())
    there.connect(here.getsockname())
    return here, there


_CONNECT = {"tcp": _tcp, "unix": _unix, "udp": _udp}


def _size(sock: socket.socket, buffers: int | None) -> socket.socket:
    if buffers:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
    return sock


def _wake(sock: socket.socket) -> None:
    """End every sleep in a call on `sock`; close() alone would leave the sleeper asleep (shutdown(2))."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Measured:
    """One call: what it returned or raised, and what it cost the thread that made it.

    `wall_ns` is time on the clock, `cpu_ns` this thread's CPU, `sleeps` how often the thread gave up the CPU
    to wait (voluntary context switches, getrusage(2); None where the kernel does not say).
    """

    result: Any
    error: OSError | None
    wall_ns: int
    cpu_ns: int
    sleeps: int | None

    @property
    def outcome(self) -> Any:
        """The result, or the error's name: `'EAGAIN'`, or the exception's where there is no number."""
        if self.error is None:
            return self.result
        return errno.errorcode.get(self.error.errno or 0, type(self.error).__name__)

    def __repr__(self) -> str:
        times = {None: "", 0: ", never asleep", 1: ", asleep once"}.get(self.sleeps)
        return (
            f"{shown(self.outcome)}: {duration(self.wall_ns)} on the clock, {duration(self.cpu_ns)} of CPU"
            + (f", asleep {self.sleeps} times" if times is None else times)
        )


def measured(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Measured:
    """Make one call in this thread and measure it. An OSError is kept as `error`; others are raised."""
    result, error = None, None
    sleeps, wall, cpu = _sleeps(), time.perf_counter_ns(), time.thread_time_ns()
    try:
        result = call(*args, **kwargs)
    except OSError as raised:
        error = raised
    cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
    slept = None if sleeps is None else _sleeps() - sleeps  # type: ignore[operator]
    return Measured(result, error, wall, cpu, slept)


def _sleeps() -> int | None:
    return None if RUSAGE_THREAD is None else resource.getrusage(RUSAGE_THREAD).ru_nvcsw


def shown(outcome: Any) -> str:
    """What a call returned, as a reader would write it; long bytes are counted."""
    if isinstance(outcome, bytes) and len(repr(outcome)) > 16:
        return plural(len(outcome), "byte")
    if isinstance(outcome, int) and not isinstance(outcome, bool):
        return f"{outcome:,}"
    return outcome if isinstance(outcome, str) else repr(outcome)


class Table(dict[str, Measured]):
    """Measured calls under each other, by what the reader would write: a bar is the time on the clock.

    The dark part of a bar is the CPU that the thread used; the light part is the time that it slept.
    """

    def _repr_html_(self) -> str:
        longest = max((each.wall_ns for each in self.values()), default=1) or 1
        head = "".join(
            f"<th {_CELL}>{name}</th>" for name in ("call", "came back", "clock", "CPU", "sleeps", "")
        )
        rows = "".join(
            f"<tr><td {_CELL}><code>{escape(call)}</code></td>"
            f"<td {_CELL}><b>{escape(shown(m.outcome))}</b></td>"
            f"<td {_CELL}>{duration(m.wall_ns)}</td><td {_CELL}>{duration(m.cpu_ns)}</td>"
            f"<td {_CELL}>{'–' if m.sleeps is None else m.sleeps}</td>"
            f"<td {_CELL}>{_bar(m, longest) if longest >= WORTH_A_BAR else ''}</td></tr>"
            for call, m in self.items()
        )
        return f"<table {_TABLE}><tr>{head}</tr>{rows}</table>"

    def __repr__(self) -> str:
        return "\n".join(f"{call} → {measure!r}" for call, measure in self.items())


WORTH_A_BAR = 1_000_000  # ns; nobody sees a difference between shorter calls
_TABLE = 'style="border-collapse: collapse; font-size: 14px"'
_CELL = 'style="text-align: left; padding: 4px 8px; vertical-align: top; white-space: nowrap"'


def _bar(measure: Measured, longest: int) -> str:
    wide = max(2, round(200 * measure.wall_ns / longest))
    dark = min(wide, round(wide * measure.cpu_ns / max(1, measure.wall_ns)))
    return (
        f'<div style="width: {wide}px; height: 14px; background: #b4bcc6">'
        f'<div style="width: {dark}px; height: 14px; background: #00694d"></div></div>'
    )


@contextlib.contextmanager
def alarm(seconds: float, handler: Callable[[int, Any], object]) -> Iterator[None]:
    """The kernel sends this process SIGALRM after `seconds`, and `handler` is called (setitimer(2)).

    Whatever ends the block, no alarm is left pending and the old handler is back. Python runs handlers in
    the main thread only: RuntimeError elsewhere.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("alarm() works in the main thread only: Python calls signal handlers nowhere else")
    before = signal.getsignal(signal.SIGALRM)
    try:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)


Sample = tuple[int, kernel.Blocked | None]  # (when, on time.perf_counter_ns; where the thread sleeps)


class Watcher:
    """Looks at threads of this process every few milliseconds: in which system call does each one sleep?

        with Watcher(thread) as seen: ...
        seen.samples["the thread's name"]        # [(at_ns, kernel.Blocked or None), …]; None: it runs

    A thread that has not started yet, or has ended, gives no sample. The watcher is a thread too, and holds
    Python's own lock (the GIL) while it looks, so that a thread which computes is always seen waiting for
    that lock (futex). What decides is the kernel's CPU clock: a thread that used the CPU for most of the
    time since the last look was running. Where the kernel has no /proc there are no samples.
    """

    def __init__(self, *threads: threading.Thread, every: float = 0.002) -> None:
        self.threads = threads
        self.every = every
        self.samples: dict[str, list[Sample]] = {thread.name: [] for thread in threads}
        self._used: dict[str, tuple[int, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def _watch(self) -> None:
        while not self._stop.wait(self.every):
            for thread in self.threads:
                if thread.is_alive() and thread.native_id is not None and kernel.LINUX:
                    self._look(thread.name, thread.native_id)

    def _look(self, name: str, tid: int) -> None:
        try:
            cpu = time.clock_gettime_ns((~tid << 3) | 6)  # the clock of thread `tid` (linux/posix-timers.h)
            where = kernel.blocked_in(tid)
        except OSError:  # it has ended
            return
        at = time.perf_counter_ns()
        before, used = self._used.get(name, (at, cpu))
        self._used[name] = at, cpu
        self.samples[name].append((at, None if cpu - used > (at - before) / 2 else where))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def stretches(self) -> dict[str, list[tuple[str, int, int]]]:
        """{thread: [(what it did, from, to), …]}, in ns since the first sample; equal neighbours are one."""
        began = min((found[0][0] for found in self.samples.values() if found), default=0)
        rows: dict[str, list[tuple[str, int, int]]] = {}
        for name, found in self.samples.items():
            row = rows[name] = []
            before = began
            for at, where in found:
                what, till = "runs" if where is None else f"sleeps in {where}", at - began
                if row and row[-1][0] == what:
                    row[-1] = what, row[-1][1], till
                else:
                    row.append((what, before - began, till))
                before = at
        return rows

    def _repr_html_(self) -> str:
        rows = self.stretches()
        ends = max((row[-1][2] for row in rows.values() if row), default=0) or 1
        picture = "".join(
            f"<tr><td {_CELL}>{escape(name)}</td><td {_CELL}>"
            + "".join(_stretch(what, 520 * (till - since) / ends) for what, since, till in row)
            + f"</td><td {_CELL}>{escape(mostly(row))}</td></tr>"
            for name, row in rows.items()
        )
        scale = (
            f"<tr><td></td><td {_CELL}>0 to {duration(ends)}; dark: runs, striped: sleeps</td><td></td></tr>"
        )
        return f"<table {_TABLE}>{picture}{scale}</table>"

    def __repr__(self) -> str:
        return "\n".join(f"{name} {mostly(row)}" for name, row in self.stretches().items())


def mostly(row: list[tuple[str, int, int]]) -> str:
    """What a thread did for the longest time, and how long."""
    spent: dict[str, int] = {}
    for what, since, till in row:
        spent[what] = spent.get(what, 0) + till - since
    if not spent:
        return "was not seen"
    what = max(spent, key=lambda each: spent[each])
    return f"{what}, for {duration(spent[what])} of {duration(sum(spent.values()))}"


def _stretch(what: str, wide: float) -> str:
    ground = (
        "#00694d" if what == "runs" else "repeating-linear-gradient(45deg, #b4bcc6 0 4px, #e3e6ea 4px 8px)"
    )
    return (
        f'<span title="{escape(what)}" style="display: inline-block; width: {wide:.1f}px; height: 16px; '
        f'background: {ground}"></span>'
    )


class End(NamedTuple):
    """One end of a TCP connection as its own kernel sees it; `state` None: this program closed it."""

    state: str | None  # as in netstat(8); "?" where the kernel does not say
    readable: bool = False
    writable: bool = False
    waiting: int = 0  # bytes in its receive queue


class Step(NamedTuple):
    """One call of a Strip, what came back, and both ends after it."""

    call: str
    outcome: Any
    ends: dict[str, End]


class Strip:
    """A state strip: calls on the two ends of a TCP connection, with the kernel's state of both after each.

    strip = Strip(here=here, there=there)
    strip.here.recv(10)                      # as here.recv(10); an OSError is noted, not raised
    strip                                    # draws itself; strip.steps holds what it draws
    """

    def __init__(self, **sockets: socket.socket) -> None:
        self._sockets = sockets
        self.steps = [Step("", None, {name: end_of(sock) for name, sock in sockets.items()})]

    def __getattr__(self, name: str) -> _Hand:
        if name.startswith("_") or name not in self._sockets:
            raise AttributeError(f"this strip has no end {name!r}")
        return _Hand(self, name)

    @property
    def outcomes(self) -> list[Any]:
        """What came back from each call: its result, or the name of its error."""
        return [step.outcome for step in self.steps[1:]]

    def call(self, name: str, method: str, *args: Any) -> Any:
        """Call a method of the end called `name`; returns what came back, or the error's name."""
        outcome = measured(getattr(self._sockets[name], method), *args).outcome
        said = [SHUTDOWN[each] if method == "shutdown" else repr(each) for each in args]
        call = f"{name}.{method}({', '.join(said)})"
        self.steps.append(Step(call, outcome, {each: end_of(sock) for each, sock in self._sockets.items()}))
        return outcome

    def _repr_html_(self) -> str:
        steps = self.steps
        calls = "".join(
            f"<th {_CELL}>{escape(step.call).replace('.', '<br>.', 1) or 'at first'}</th>" for step in steps
        )
        came = "".join(f"<td {_CELL}><b>{escape(_returned(step))}</b></td>" for step in steps)
        rows = f"<tr><th></th>{calls}</tr><tr><th {_CELL}>came<br>back</th>{came}</tr>"
        for name in self._sockets:
            ends = "".join(f"<td {_CELL}>{_drawn(step.ends[name])}</td>" for step in steps)
            rows += f"<tr><th {_CELL}>{name}</th>{ends}</tr>"
        return f"<table {_TABLE}>{rows}</table>"

    def __repr__(self) -> str:
        return "\n".join(
            f"{step.call or 'at first'} → {_returned(step)}; "
            + "; ".join(f"{name}: {', '.join(_words(end))}" for name, end in step.ends.items())
            for step in self.steps
        )


class _Hand:
    """Whoever calls a method of one end through the strip."""

    def __init__(self, strip: Strip, name: str) -> None:
        self._strip, self._name = strip, name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *args: self._strip.call(self._name, method, *args)


def end_of(sock: socket.socket) -> End:
    """How one end stands: its state (TCP_INFO), whether select(2) would call it ready, bytes that wait."""
    if sock.fileno() < 0:
        return End(None)
    state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] if kernel.LINUX else 0
    look = select.poll()
    look.register(sock, select.POLLIN | select.POLLOUT)
    events = dict(look.poll(0)).get(sock.fileno(), 0)
    ended = bool(events & (select.POLLHUP | select.POLLERR))  # select(2) counts both as ready
    return End(
        STATES.get(state, "?"),
        ended or bool(events & select.POLLIN),
        ended or bool(events & select.POLLOUT),
        kernel.recv_queue(sock.fileno()) or 0,
    )


SHUTDOWN = {socket.SHUT_RD: "SHUT_RD", socket.SHUT_WR: "SHUT_WR", socket.SHUT_RDWR: "SHUT_RDWR"}
# linux/tcp_states.h, and what each means for the end that is in it.
STATES = {
    1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT",
    7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING",
}  # fmt: skip
MEANING = {
    "ESTABLISHED": ("open", "#d7ecd9"),
    "FIN_WAIT1": ("sends no more", "#fbeec1"),
    "FIN_WAIT2": ("sends no more", "#fbeec1"),
    "CLOSE_WAIT": ("gets no more", "#cfe4f5"),
    "LAST_ACK": ("neither way", "#e3e6ea"),
    "CLOSING": ("neither way", "#e3e6ea"),
    "TIME_WAIT": ("neither way", "#e3e6ea"),
    "CLOSE": ("dead", "#f3c9c5"),
}


def _words(end: End) -> list[str]:
    if end.state is None:
        return ["closed"]
    words = [f"{MEANING.get(end.state, ('?', ''))[0]} ({end.state})"]
    words += [word for word, true in (("readable", end.readable), ("writable", end.writable)) if true]
    return words + ([f"{end.waiting:,} B waiting"] if end.waiting else [])


def _drawn(end: End) -> str:
    if end.state is None:
        return "closed"
    meaning, colour = MEANING.get(end.state, ("?", "#ffffff"))
    box = f"background: {colour}; color: #1f2933; padding: 2px 8px; border: 1px solid #5f6b77"
    rest = "<br>".join(_words(end)[1:])
    return f'<div style="{box}"><b>{meaning}</b><br><small>{end.state}</small></div>{rest}'


def _returned(step: Step) -> str:
    return "" if not step.call or step.outcome is None else shown(step.outcome)
