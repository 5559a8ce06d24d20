"""Stalls caught while they last: a thread of its own looks at where each loop's thread is.

It reads tapes and stacks, and costs the watched loop nothing: a loop that is in its selector is asleep; one
that has been out of it for long, in one and the same turn, is stalled by what its stack names.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from labkit import kernel
from labkit.tape.tape import Tape

KEPT = 200  # stalls whose reports are kept
ASKED = 1_000  # sockets, at most, whose receive queues are looked at in each sample
FRAMES = 12  # of a stack, innermost first
OURS = Path(__file__).resolve().parents[1]
LIBRARY = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
INSTALLED = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a program that was running: the function's name, its file and the line in it."""

    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


@dataclass(slots=True)
class Stall:
    """One stretch in which a loop did not come back to its selector.

    `iteration` is its index on the loop's tape; `ns` how long it lasted, at least `stall` when it was caught.
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


class Sampler:
    """Looks every few milliseconds at the loops that it is given, and keeps the stalls.

    `stall_ns` is how long a loop may stay away from its selector. `caught(watched, stall)` is called, in the
    sampler's thread, once a stall is over.
    """

    def __init__(self, stall_ns: int, caught: Callable[[Watched, Stall], object] = lambda *_: None) -> None:
        self.stall_ns = stall_ns
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
        every = min(max(self.stall_ns / 5e9, 0.002), 0.05)
        while not self._over.wait(every):
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
        asleep = frame.f_code in WAITS if watched.beat is None else False
        if asleep or turn != watched.turn:
            self._end(watched, now)
            watched.turn, watched.since = turn, now
            return
        if now - watched.since < self.stall_ns:
            return
        if watched.stall is None:
            watched.stall = self._catch(watched, frame, now)
        else:
            watched.stall.samples += 1
            watched.stall.ns = now - watched.since
            watched.stall.waited.update(_waiting(watched))

    def _catch(self, watched: Watched, frame: FrameType, now: int) -> Stall:
        stack = _stack(frame)
        index = watched.tape.dropped + len(watched.tape)
        return Stall(
            loop=watched.name,
            thread=watched.thread.name,
            iteration=index,
            culprit=_culprit(frame),
            stack=stack,
            task=_task(watched.loop),
            waited=_waiting(watched),
            ns=now - watched.since,
        )

    def _end(self, watched: Watched, now: int) -> None:
        stall, watched.stall = watched.stall, None
        if stall is None:
            return
        stall.ns = max(stall.ns, _awake(watched.tape, stall.iteration))
        self.stalls.append(stall)
        self.count += 1
        self._caught(watched, stall)


def _codes(*functions: Any) -> frozenset[CodeType]:
    return frozenset(each.__code__ for each in functions if hasattr(each, "__code__"))


WAITS = _codes(
    *(kind.select for kind in vars(selectors).values() if isinstance(kind, type) and hasattr(kind, "select"))
)


def _awake(tape: Tape, index: int) -> int:
    """How long that turn was awake by its tape, once it is there; else 0."""
    try:
        return tape.iteration(index).awake_ns
    except IndexError:
        return 0


def _stack(frame: FrameType | None) -> tuple[Place, ...]:
    found: list[Place] = []
    while frame is not None and len(found) < FRAMES:
        if not _is_ours(frame.f_code.co_filename):
            found.append(_place(frame))
        frame = frame.f_back
    return tuple(found)


def _culprit(frame: FrameType) -> Place:
    """The innermost line that is the program's own; else of an installed package; else the innermost."""
    for foreign in (LIBRARY + INSTALLED, LIBRARY):
        each: FrameType | None = frame
        while each is not None:
            name = each.f_code.co_filename
            if not name.startswith(foreign) and not name.startswith("<frozen") and not _is_ours(name):
                return _place(each)
            each = each.f_back
    return _place(frame)


def _place(frame: FrameType) -> Place:
    return Place(frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno)


def _is_ours(file: str) -> bool:
    return file.startswith(str(OURS))


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
    sizes = {fd: kernel.recv_queue(fd) for fd in fds[:ASKED] if fd != own}
    return {names.get(fd, f"fd {fd}"): size for fd, size in sizes.items() if size}
