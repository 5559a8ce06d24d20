"""One call, measured in the thread that makes it: what came back, the clock, the CPU, how often it slept.

It asks the kernel and two clocks. It knows neither loops nor tapes nor figures.
"""

from __future__ import annotations

import errno
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import labkit.measure.html as html
from labkit.tape.narrate import duration, plural

RUSAGE_THREAD = getattr(resource, "RUSAGE_THREAD", None)  # macOS counts the process only


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

    The green part of a bar is the CPU that the thread used; the grey part is the time that it slept.
    """

    def _repr_html_(self) -> str:
        longest = max((each.wall_ns for each in self.values()), default=1) or 1
        longest = max((each.wall_ns for each in self.values()), default=0)
        rows = [
            [
                html.code(call),
                html.strong(shown(m.outcome)),
                duration(m.wall_ns),
                duration(m.cpu_ns),
                "–" if m.sleeps is None else str(m.sleeps),
                html.bar(m.wall_ns / longest, m.cpu_ns / longest) if longest >= WORTH_A_BAR else "",
            ]
            for call, m in self.items()
        ]
        return html.table(["call", "came back", "clock", "CPU", "sleeps", ""], rows)

    def __repr__(self) -> str:
        return "\n".join(f"{call} → {measure!r}" for call, measure in self.items())


WORTH_A_BAR = 1_000_000  # ns; nobody sees a difference between shorter calls
