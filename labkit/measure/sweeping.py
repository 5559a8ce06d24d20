"""What does it cost as it grows? A measurement repeated over sizes: a labkit.measure.costs.Sweep.

    def waiting(n):                            # set up for one size, and yield the calls to compare
        with sockets(n) as fds:
            yield {"select": lambda: select.select(fds, [], [], 0), …}

    costs = sweep(waiting, sizes(10, 1000), of="fds")

The calls of one size are measured in turns, so that whatever else the machine does meets all of them. A sweep
ends by itself at its deadline, and when it is told to stop; what it has measured by then is kept. It knows
nothing of loops, figures or widgets.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from labkit import kernel
from labkit.measure.costs import Sweep

Calls = Mapping[str, Callable[[], Any]]
BATCH_NS = 1_000_000  # a quick call is timed in batches of at least this long
RETRIED_NS = 20_000_000  # a batch that took longer is not timed again
ATTEMPTS = 4
SPARE = 100  # fds that a sweep to the limit leaves for everybody else


def sweep(
    setup: Callable[[int], Iterator[Calls]],
    sizes: Sequence[int],
    *,
    of: str = "n",
    title: str = "",
    unit: str = "ns",
    repeats: int = 5,
    within: float = 10.0,
    reference: Mapping[str, Mapping[int, float]] | None = None,
    progress: Callable[[float, Sweep], None] | None = None,
    stop: threading.Event | None = None,
) -> Sweep:
    """Measure the calls that `setup(size)` yields, once it is set up, for every size; medians of `repeats`.

    `setup` is a generator: what follows its `yield` cleans up. In the unit "ns" the calls are timed, after
    one call to warm up; quick ones in batches, and a batch in which this thread was taken off the CPU is
    timed again. In any other unit a call is made once, and returns its own measurement. `of` names what the
    sizes count. `progress(fraction, sweep so far)` is called after every size. The sweep ends early, and
    says so in `ended`, after `within` seconds, when `stop` is set, where the fd limit is met, and where
    `setup` or a call raises TimeoutError.
    """
    stop = threading.Event() if stop is None else stop
    until = time.monotonic() + within
    done = Sweep({}, of=of, title=title, unit=unit, reference=dict(reference or {}))
    for at, size in enumerate(sorted(set(sizes)), 1):
        try:
            with contextlib.contextmanager(setup)(size) as calls:
                measured, ended = _measure(calls, unit, repeats, until, stop)
        except TimeoutError as error:  # what it needs for this size did not come up in time: a busy machine
            measured, ended = {}, f"at {size:,} {of}: {error}"
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            measured, ended = {}, _limit_met(size, of)
        if ended == TOO_LATE:
            ended = f"the deadline of {within:g} s came at {size:,} {of}"
        done = done.with_points(size, measured, ended)
        if progress is not None:
            progress(1.0 if ended else at / len(set(sizes)), done)
        if ended:
            break
    return done


def sizes(first: int, last: int) -> list[int]:
    """10, 30, 100, 300 … between `first` and `last`, and both of them: even steps on a log scale."""
    if not 1 <= first <= last:
        raise ValueError(f"sizes({first}, {last}): give 1 ≤ first ≤ last")
    steps = (digit * 10**power for power in range(len(str(last))) for digit in (1, 3))
    inner = [step for step in steps if first * 1.5 < step < last / 1.5]
    return sorted({first, *inner, last})


def fd_room(fds_each: int = 1) -> int:
    """How many things of `fds_each` fds this process can still open, with some to spare (getrlimit(2))."""
    return kernel.fd_room(SPARE) // fds_each


CANCELLED = "it was cancelled"
TOO_LATE = "deadline"


def _measure(
    calls: Calls, unit: str, repeats: int, until: float, stop: threading.Event
) -> tuple[dict[str, list[float]], str]:
    """The values of each call, and why the sweep has to end here, or ""."""
    values: dict[str, list[float]] = {name: [] for name in calls}
    batch = {name: _batch(call) for name, call in calls.items()} if unit == "ns" else {}
    for _ in range(repeats):
        for name, call in calls.items():
            if stop.is_set():
                return values, CANCELLED
            if time.monotonic() > until:
                return values, TOO_LATE
            values[name].append(_undisturbed(call, batch[name]) if batch else float(call()))
    return values, ""


def _batch(call: Callable[[], Any]) -> int:
    """Warm up, and say how many calls make a batch that the clock measures well."""
    first, _ = _time(call, 1)
    if first > RETRIED_NS:
        return 1
    number = min(10_000, max(1, round(BATCH_NS / max(100.0, _time(call, 1)[0]))))
    if number > 1:
        _time(call, number)  # for the processor's sake: its caches, its clock
    return number


def _undisturbed(call: Callable[[], Any], number: int) -> float:
    """ns of one call, from a batch in which this thread kept the CPU; else from the quickest of a few.

    The two clocks agree in such a batch. CPU time alone would not do: under load it was seen far too low.
    """
    found = []
    for _ in range(ATTEMPTS):
        wall, cpu = _time(call, number)
        found.append(wall)
        if wall < 1.1 * cpu or wall * number > RETRIED_NS:
            return wall
    return min(found)


def _time(call: Callable[[], Any], number: int) -> tuple[float, float]:
    """ns of one call on the clock and of CPU, from a batch; the garbage collector waits, as in timeit."""
    collects = gc.isenabled()
    gc.disable()
    try:
        cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
        for _ in repeat(None, number):
            call()
        wall, cpu = time.perf_counter_ns() - wall, time.thread_time_ns() - cpu
        return wall / number, cpu / number
    finally:
        if collects:
            gc.enable()


def _limit_met(size: int, of: str) -> str:
    soft, hard = kernel.fd_limit()
    more = f"; `ulimit -n {hard}` raises it" if soft < hard else ""
    return f"{size:,} {of} do not fit: a process here may have {soft:,} fds open (ulimit -n){more}"
