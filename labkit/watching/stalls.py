"""Stalls caught while they last: a thread of its own looks at where each loop's thread is.

It reads tapes and stacks, and costs the watched loop nothing: a loop that is in its selector is asleep; one
that has been out of it for long, in one and the same turn, is stalled by what its stack names.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, NamedTuple

from labkit import kernel
from labkit.tape.tape import Tape
from labkit.watching.stacks import Place, culprit, handler, stack

KEPT = 200  # stalls whose reports are kept, and handlers of a loop
LOOKS = 50_000  # that are kept of a loop
ASKED = 1_000  # sockets, at most, whose receive queues are looked at in each sample


@dataclass(slots=True)
class Stall:
    """One stretch in which a loop did not come back to its selector.

    `iteration` is its index on the loop's tape; `began_ns` when it began, as far as is known, by
    time.perf_counter_ns, `ns` how long it lasted, at least `stall` when it was caught.
    `culprit` is the innermost line of the program's own, `stack` the lines around it, innermost first.
    `waited` is {name: bytes} of sockets whose bytes had come and lay there meanwhile.
    """

    loop: str
    thread: str
    iteration: int
    culprit: Place
    stack: tuple[Place, ...]
    task: str
    waited: dict[str, int]
    began_ns: int
    ns: int
    samples: int = 1

    def __str__(self) -> str:
        said = f"{self.ns / 1e6:,.0f} ms in {self.culprit}"
        said += f", task {self.task}" if self.task else ""
        if self.waited:
            waits = ", ".join(f"{name} with {size:,} B" for name, size in self.waited.items())
            said += f"; meanwhile waited: {waits}"
        return said


@dataclass(slots=True)
class Handler:
    """A function of the program's own that was running when a loop was looked at.

    `samples` is how often it was, `longest` how often in a row in one turn: times `Sampler.every` that is
    about the time it took. `place` is the line it was at in the last.
    """

    place: Place
    samples: int = 0
    longest: int = 0
    row: int = 0


class Look(NamedTuple):
    """That a handler was running in a task at a time (time.perf_counter_ns), in a turn of its loop."""

    at_ns: int
    turn: int
    task: str
    function: str


@dataclass(slots=True)
class Watched:
    """A loop that is watched: its tape, and the thread that runs it. `beat` is when it last came round, if it
    has no selector to look at (time.perf_counter_ns)."""

    loop: Any
    tape: Tape
    thread: threading.Thread
    name: str
    beat: int | None = None
    since: int = 0  # when it was first seen awake in this turn
    turn: int = -1
    stall: Stall | None = None
    handlers: dict[str, Handler] = field(default_factory=dict)
    running: Handler | None = None  # at the last look, in this turn
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=LOOKS))

    def saw(self, place: Place | None, now: int) -> None:
        """It was at this line of a handler in a look; None: in no handler."""
        if place is None:
            self.running = None
            return
        name = f"{place.function} ({place.file})"
        if name not in self.handlers and len(self.handlers) == KEPT:  # a program may make functions for ever
            del self.handlers[min(self.handlers, key=lambda each: self.handlers[each].samples)]
        seen = self.handlers.setdefault(name, Handler(place))
        seen.row = seen.row + 1 if seen is self.running else 1
        seen.place, seen.samples = place, seen.samples + 1
        seen.longest = max(seen.longest, seen.row)
        self.running = seen
        self.looks.append(Look(now, self.turn, _task(self.loop), place.function))


class Sampler:
    """Looks every few milliseconds at the loops that it is given, and keeps the stalls.

    `stall_ns` is how long a loop may stay away from its selector. `caught(watched, stall)` is called, in the
    sampler's thread, once a stall is over.
    """

    def __init__(self, stall_ns: int, caught: Callable[[Watched, Stall], object] = lambda *_: None) -> None:
        self.stall_ns = stall_ns
        self.every = min(max(stall_ns / 5e9, 0.002), 0.02)  # seconds between two looks
        self.stalls: deque[Stall] = deque(maxlen=KEPT)
        self.count = 0
        self.loops: list[Watched] = []
        self._caught = caught
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="labkit stalls", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread; a stall that lasts is over now."""
        self._over.set()
        self._thread.join(5)
        for watched in list(self.loops):
            self.leave(watched)

    def add(self, watched: Watched) -> None:
        with self._lock:
            self.loops.append(watched)

    def leave(self, watched: Watched) -> None:
        """The loop has stopped."""
        with self._lock:
            if watched in self.loops:
                self.loops.remove(watched)
        self._end(watched, time.perf_counter_ns())

    def _run(self) -> None:
        while not self._over.wait(self.every):
            frames = sys._current_frames()
            with self._lock:
                loops = list(self.loops)
            for watched in loops:
                frame = frames.get(watched.thread.ident or 0)
                if frame is not None:
                    self._look(watched, frame, time.perf_counter_ns())
            del frames

    def _look(self, watched: Watched, frame: FrameType, now: int) -> None:
        turn = watched.beat if watched.beat is not None else watched.tape.dropped + len(watched.tape)
        asleep = watched.beat is None and frame.f_code in WAITS
        if asleep or turn != watched.turn:
            self._end(watched, now)
            watched.turn, watched.since, watched.running = turn, now, None
        if asleep:
            return
        watched.saw(handler(frame), now)
        if now - watched.since < self.stall_ns:
            return
        if watched.stall is None:
            watched.stall = self._catch(watched, frame, now)
        else:
            watched.stall.samples += 1
            watched.stall.ns = now - watched.since
            watched.stall.waited.update(_waiting(watched))

    def _catch(self, watched: Watched, frame: FrameType, now: int) -> Stall:
        index = watched.tape.dropped + len(watched.tape)
        return Stall(
            loop=watched.name,
            thread=watched.thread.name,
            iteration=index,
            culprit=culprit(frame),
            stack=stack(frame),
            task=_task(watched.loop),
            waited=_waiting(watched),
            began_ns=watched.since,
            ns=now - watched.since,
        )

    def _end(self, watched: Watched, now: int) -> None:
        stall, watched.stall = watched.stall, None
        if stall is None:
            return
        stall.began_ns, stall.ns = _awake(watched.tape, stall.iteration) or (stall.began_ns, stall.ns)
        self.stalls.append(stall)
        self.count += 1
        self._caught(watched, stall)


def _codes(*functions: Any) -> frozenset[CodeType]:
    return frozenset(each.__code__ for each in functions if hasattr(each, "__code__"))


WAITS = _codes(
    *(kind.select for kind in vars(selectors).values() if isinstance(kind, type) and hasattr(kind, "select"))
)


def _awake(tape: Tape, index: int) -> tuple[int, int] | None:
    """When that turn woke, and how long it was awake by its tape, once it is there."""
    try:
        it = tape.iteration(index)
    except IndexError:
        return None
    return it.at_ns + it.asleep_ns, it.awake_ns


def _task(loop: Any) -> str:
    """The name of the task that the loop runs now, as another thread can see it."""
    try:
        task = asyncio.current_task(loop)
    except RuntimeError:
        return ""
    if task is None:
        return ""
    coroutine = getattr(task.get_coro(), "__qualname__", "")
    return f"{task.get_name()} ({coroutine})" if coroutine else task.get_name()


def _waiting(watched: Watched) -> dict[str, int]:
    """{name: bytes} of the loop's sockets in whose receive queue bytes lie."""
    selector = getattr(watched.loop, "_selector", None)
    try:
        fds = [key.fd for key in list((selector.get_map() or {}).values())] if selector is not None else []
    except RuntimeError:  # it changed while it was read
        return {}
    names = watched.tape[-1].names if len(watched.tape) else {}
    own = getattr(getattr(watched.loop, "_ssock", None), "fileno", lambda: -1)()
    waiting = Counter[str]()  # several may go by one name
    for fd in fds[:ASKED]:
        waiting[names.get(fd, f"fd {fd}")] += (fd != own and kernel.recv_queue(fd)) or 0
    return dict(+waiting)
