"""The tracer: it keeps every line that a step of a lab runs, or a function, and puts back who traced before.

The text is read from the functions that ran (inspect, linecache), never kept here. Nobody is traced before
the block or after it, and no other thread in it.
"""

from __future__ import annotations

import dis
import importlib.util
import inspect
import linecache
import sys
import sysconfig
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from labkit import loop
from labkit.lab.lab import Lab
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape
from labkit.tape.turn import callers
from labkit.trace.lines import Line, Source, Traced
from labkit.trace.values import LONGEST, flags, shown

ITERATIONS = frozenset(["run_once", "poll", "poll2"])  # functions that are one iteration of a loop
BUFFERS = ("out_buffer", "write_buffer", "read_buffer", "rbuf", "in_buffer")
SHOWN = (*BUFFERS, "connected", "connecting", "accepting")  # of `self` and `obj`; the last three asyncore's


def trace(target: Lab | Callable[..., Any], *args: Any, **kwargs: Any) -> Source:
    """Run one step of a Lab, or target(*args, **kwargs) in this thread, and keep every line of it.

    Raises what it raises.
    """
    if isinstance(target, Lab):
        with tracing(target, **kwargs) as traced:
            index = target.step(*args).index
        return traced[index]
    if not callable(target):
        raise TypeError(f"trace({target!r}): give a Lab, or a function and what to call it with")
    tracer = _Tracer()
    with tracer.here():
        target(*args, **kwargs)
    return tracer.source()


@contextmanager
def tracing(target: Lab | Tape, *, files: Iterable[str] = ()) -> Iterator[Traced]:
    """Keep the lines of every iteration in the block: of a Lab in its own thread, of a Tape in this one.

    Shown are the loops (labkit's and asyncore's) and the reader's own code, notebook cells too; `files` adds
    the names of others. What traced the thread before goes on afterwards.
    """
    traced = Traced()
    if isinstance(target, Tape):
        with _Tracer(target, traced, files).here():
            yield traced
        return
    if not isinstance(target, Lab):
        raise TypeError(f"tracing({target!r}): give a Lab, or the Tape of a watch() in this thread")
    engine = target._engine
    recorder = engine.recorder
    tracer = _Tracer(target.tape, traced, files, calls=lambda: recorder.made)
    engine.not_in_a_handler()
    target.pause()
    before = engine.ask(lambda engine: _replace_trace(tracer.enter))
    try:
        yield traced
    finally:
        if not target.closed:
            target.pause()
            engine.ask(lambda engine: _replace_trace(before))


def _replace_trace(function: Any) -> Any:
    before = sys.gettrace()
    sys.settrace(function)
    return before


def call_map(tape: Iterable[Iteration]) -> Counter[tuple[str, str]]:
    """How often each (caller, callee) was seen on a tape: of asyncore's methods all, of ours the calls."""
    found: Counter[tuple[str, str]] = Counter()
    for it in tape:
        found.update(callers(it.calls))
    return found


class _Tracer:
    """A trace function (sys.settrace) that keeps the lines of functions that are worth showing."""

    def __init__(
        self,
        tape: Tape | None = None,
        traced: Traced | None = None,
        files: Iterable[str] = (),
        calls: Callable[[], int] | None = None,
    ) -> None:
        self._tape, self._traced, self._calls = tape, traced, calls
        self._files = frozenset(files)
        self._lines: list[Line] = []
        self._texts: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {}
        self._stack: list[FrameType] = []
        self._start: FrameType | None = None  # the frame that is one iteration

    @contextmanager
    def here(self) -> Iterator[None]:
        before = _replace_trace(self.enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def source(self, iteration: int | None = None) -> Source:
        return Source(self._lines, self._texts, iteration)

    def enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        """For each function that is called: whether its lines are kept."""
        code = frame.f_code
        if not (_worth_showing(code.co_filename) or code.co_filename in self._files):
            return None
        if self._tape is not None and self._start is None:
            if code.co_name not in ITERATIONS:
                return None  # asyncore.loop() itself: its iterations are entered below it
            self._start, self._lines, self._stack = frame, [], []
        key = code.co_filename, code.co_qualname
        if key not in self._texts:
            self._texts[key] = _text(code)
        self._stack.append(frame)
        return self._follow

    def _follow(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self._keep(frame)
        elif event == "exception":
            self._keep(frame, f"raises {arg[0].__name__}: {str(arg[1])[:LONGEST]}")
        elif event == "return":
            last = self._lines[-1].returns if self._lines else None
            if last is None or not last.startswith("raises") or arg is not None:
                self._keep(frame, self._raised(frame) if _raises(frame) else f"returns {shown(arg)}")
            while self._stack and self._stack.pop() is not frame:
                pass
            if frame is self._start:
                self._end()
        return self._follow

    def _keep(self, frame: FrameType, returns: str | None = None) -> None:
        code = frame.f_code
        depth = len(self._stack) - 1
        calls = self._calls() if self._calls is not None else None
        values = _values(frame)
        self._lines.append(
            Line(code.co_qualname, code.co_filename, frame.f_lineno, depth, values, returns, calls)
        )

    def _raised(self, frame: FrameType) -> str:
        """What a `raise` on its own raises: what was last raised in the function; nobody is told again."""
        name = frame.f_code.co_qualname
        before = (line.returns or "" for line in reversed(self._lines) if line.function == name)
        return next((returns for returns in before if returns.startswith("raises")), "raises")

    def _end(self) -> None:
        self._start = None
        if self._tape is None or self._traced is None:
            return
        failed = bool(self._lines) and (self._lines[-1].returns or "").startswith("raises")
        # The turn is open until the next wait, or closed already if the wait itself failed.
        index = self._tape.dropped + len(self._tape) - (1 if failed else 0)
        self._traced.add(self.source(index))


def _raises(frame: FrameType) -> bool:
    """Whether a function that is left is left by an exception: settrace calls that a return of None."""
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] in ("RERAISE", "RAISE_VARARGS")


@cache
def _worth_showing(filename: str) -> bool:
    """Whether a file is a loop's, or the reader's own: neither installed nor labkit's, and readable."""
    if filename == loop.__file__ or filename == _asyncore_file():
        return True
    path = filename.replace("\\", "/")
    if filename.startswith("<") or any(path.startswith(folder) for folder in _installed()):
        return False
    return bool(linecache.getlines(filename))


@cache
def _installed() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"]}
    return (*(f"{folder}/" for folder in folders), f"{Path(__file__).parents[1]}/")


@cache
def _asyncore_file() -> str | None:
    spec = importlib.util.find_spec("asyncore")
    return spec.origin if spec is not None else None


def _text(code: CodeType) -> tuple[int, tuple[str, ...]]:
    try:
        rows, first = inspect.getsourcelines(code)
    except (OSError, TypeError):
        return code.co_firstlineno, ()
    return max(first, 1), tuple(textwrap.dedent("".join(rows)).splitlines())


def _values(frame: FrameType) -> tuple[tuple[str, str], ...]:
    """(name, text) of a function's own variables, and of the buffers of the object it works on."""
    found: list[tuple[str, str]] = []
    names = frame.f_code.co_varnames
    local = frame.f_locals
    for name in names:
        if name not in local:
            continue
        value = local[name]
        found.append((name, flags(value) if name == "flags" else shown(value)))
        if name in ("self", "obj"):
            held = getattr(value, "__dict__", {})
            found += [(f"{name}.{each}", shown(held[each])) for each in SHOWN if each in held]
    return tuple(found)
