"""Threads, looked at every few milliseconds: does each one run, or in which system call does it sleep?

It knows threads and what the kernel says of them; no loops, tapes or figures.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Self

import labkit.measure.html as html
from labkit import kernel
from labkit.tape.narrate import duration

RUNS = "runs"
Sample = tuple[int, kernel.Blocked | None]  # (when, on time.perf_counter_ns; where the thread sleeps)


class Sampler:
    """Looks at threads of this process every few milliseconds: in which system call does each one sleep?

        with Sampler(thread) as seen: ...
        seen.samples["the thread's name"]        # [(at_ns, kernel.Blocked or None), …]; None: it runs

    A thread that has not started yet, or has ended, gives no sample. The sampler is a thread too, and holds
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
        self._thread = threading.Thread(target=self._sample, name="sampler", daemon=True)

    def _sample(self) -> None:
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
        body = [
            [html.text(name), html.thread_states(row, ends), html.text(mostly(row))]
            for name, row in rows.items()
        ]
        scale = ["", html.text(f"0 to {duration(ends)}; solid: runs, striped: sleeps"), ""]
        return html.table([], [*body, scale])

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


def threads() -> set[int]:
    """The threads of this process: their ids, as the kernel lists them (on macOS, those Python knows)."""
    if kernel.LINUX:
        return {int(tid) for tid in os.listdir("/proc/self/task")}
    return {thread.native_id for thread in threading.enumerate() if thread.native_id is not None}
