"""Small experiments on raw sockets: a connected pair, one call measured, a thread watched while it waits.

The lessons write their socket calls themselves; this is only what stands around them. Nothing here waits
without a deadline, and nothing stays open. It knows nothing of loops, tapes or figures.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

from labkit import kernel

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


def measured(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Measured:
    """Make one call in this thread and measure it. An OSError is kept as `error`; others are raised."""
    result, error = None, None
    sleeps, cpu, wall = _sleeps(), time.thread_time_ns(), time.perf_counter_ns()
    try:
        result = call(*args, **kwargs)
    except OSError as raised:
        error = raised
    wall, cpu = time.perf_counter_ns() - wall, time.thread_time_ns() - cpu
    slept = None if sleeps is None else _sleeps() - sleeps  # type: ignore[operator]
    return Measured(result, error, wall, cpu, slept)


def _sleeps() -> int | None:
    return None if RUSAGE_THREAD is None else resource.getrusage(RUSAGE_THREAD).ru_nvcsw


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
