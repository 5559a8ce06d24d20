"""A program that is not the lab's own, run as it is, with every loop that it starts recorded.

    flight = Flight(stall_ns=100_000_000)
    status = run(flight, "app.py", ["--port", "8000"])

asyncio's loops are met where they start to run, asyncore where it is imported, and uvloop's too: that has no
wait to stand at, so only its stalls are caught. What the program says and how it ends are its own.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import functools
import importlib.machinery
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from labkit.tape.tape import Tape
from labkit.watching.stalls import Sampler, Stall, Watched
from labkit.watching.watch import watch

RING = 4 * 2**20  # bytes that each loop's tape keeps
BEAT = 0.02  # seconds between two signs of life of a loop that has no selector


class Flight:
    """What was recorded of a program: its loops' tapes, its stalls; with `calls` its sockets' calls, too."""

    def __init__(
        self,
        stall_ns: int,
        *,
        calls: bool = False,
        caught: Callable[[Watched, Stall], object] = lambda *_: None,
    ) -> None:
        self.sampler = Sampler(stall_ns, caught)
        self.calls = calls
        self.loops: list[Watched] = []
        self.children = 0  # processes that the program started: they are not watched
        self.process = os.getpid()
        self.began = time.perf_counter_ns()

    @property
    def is_here(self) -> bool:
        """Whether this is the process that is recorded, and no child of it."""
        return os.getpid() == self.process

    @property
    def stalls(self) -> list[Stall]:
        return list(self.sampler.stalls)

    @contextlib.contextmanager
    def on(self, loop: Any, name: str, tape: Tape | None = None) -> Iterator[Watched]:
        """Record `loop` while the block lasts, in the thread that runs it."""
        watched = self._known(loop, name, tape)
        self.sampler.add(watched)
        try:
            if watched.beat is not None:
                with _beating(watched):
                    yield watched
            elif tape is not None:
                yield watched
            else:
                with watch(loop, watched.tape, calls=self.calls):
                    yield watched
        finally:
            self.sampler.leave(watched)

    def _known(self, loop: Any, name: str, tape: Tape | None) -> Watched:
        for each in self.loops:
            if each.loop is loop:
                each.thread = threading.current_thread()
                return each
        beat = None if hasattr(loop, "_selector") or tape is not None else time.perf_counter_ns()
        number = sum(each.name.startswith(name) for each in self.loops)
        tape = Tape(RING) if tape is None else tape
        title = name if not number else f"{name} {number + 1}"
        watched = Watched(loop, tape, threading.current_thread(), title, beat)
        self.loops.append(watched)
        return watched


@contextlib.contextmanager
def _beating(watched: Watched) -> Iterator[None]:
    """A sign of life on a loop whose wait cannot be recorded, so that the lack of one is a stall."""

    def beat() -> None:
        watched.beat = time.perf_counter_ns()
        handle[0] = watched.loop.call_later(BEAT, beat)

    handle = [watched.loop.call_soon(beat)]
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError):
            handle[0].cancel()


def run(flight: Flight, program: str, arguments: list[str], *, module: bool = False) -> int:
    """Run a script, or with `module` a module, as `python` would, with its loops recorded; its exit status.

    An exception that ends it is printed as Python prints it. Of an interrupt that ends it the status is
    −SIGINT: hand it to `end`.
    """
    with _doors(flight):
        flight.sampler.start()
        try:
            return _run(program, arguments, module)
        finally:
            if os.getpid() == flight.process:
                flight.sampler.close()


def end(status: int) -> int:
    """End this process as the program would have: a negative status is the signal that ends it."""
    if status < 0:
        sys.stdout.flush()
        sys.stderr.flush()
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def _run(program: str, arguments: list[str], module: bool) -> int:
    sys.argv[:] = [program, *arguments]
    try:
        if module:
            sys.path.insert(0, os.getcwd())
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            if not Path(program).is_file():
                raise FileNotFoundError(f"there is no program {program}")
            sys.path.insert(0, str(Path(program).resolve().parent))
            _script(os.path.abspath(program))
    except SystemExit as ended:
        return _status(ended.code)
    except KeyboardInterrupt as error:
        _print(error)
        return -signal.SIGINT
    except _Terminated:
        return -signal.SIGTERM
    except FileNotFoundError as error:
        if error.errno is None:  # ours, said above
            raise
        _print(error)
        return 1
    except BaseException as error:
        _print(error)
        return 1
    return 0


def _script(path: str) -> None:
    """Run a script as the module __main__, as `python path` does."""
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    main: Any = ModuleType("__main__")
    main.__file__, main.__loader__, main.__builtins__ = path, loader, builtins
    sys.modules["__main__"] = main
    exec(loader.get_code("__main__"), vars(main))  # type: ignore[arg-type]


def _status(code: Any) -> int:
    """What sys.exit(code) makes of its argument."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _print(error: BaseException) -> None:
    """Print a traceback without the frames that lead to the program."""
    found: TracebackType | None = error.__traceback__
    while found is not None and _leads(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    traceback.print_exception(type(error), error, found)


def _leads(file: str) -> bool:
    return file in (__file__, runpy.__file__) or file.startswith("<frozen ")


class _Terminated(BaseException):
    """SIGTERM came, and the program has no handler for it."""


# ---- where loops are met -------------------------------------------------------------------------------


@contextlib.contextmanager
def _doors(flight: Flight) -> Iterator[None]:
    """While the block lasts, every loop that starts to run is recorded."""
    kind: Any = asyncio.BaseEventLoop
    plain = kind.run_forever

    def run_forever(loop: Any) -> Any:
        if os.getpid() != flight.process or not hasattr(loop, "_selector") or loop._selector is None:
            return plain(loop)
        with flight.on(loop, "asyncio"):
            return plain(loop)

    meetings = {
        "asyncore": _meet_asyncore,
        "uvloop": _meet_uvloop,
        "multiprocessing.util": _meet_multiprocessing,
    }
    finder = _Finder({name: functools.partial(meet, flight) for name, meet in meetings.items()})
    kind.run_forever = run_forever
    sys.meta_path.insert(0, finder)
    for name in meetings.keys() & sys.modules.keys():
        meetings[name](flight, sys.modules[name])
    sys.addaudithook(functools.partial(_count, flight))
    before = signal.getsignal(signal.SIGTERM)
    mine = before == signal.SIG_DFL and threading.current_thread() is threading.main_thread()
    if mine:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        kind.run_forever = plain
        sys.meta_path.remove(finder)
        if mine and signal.getsignal(signal.SIGTERM) is _terminate:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: object) -> None:
    raise _Terminated


CHILDREN = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}


def _count(flight: Flight, event: str, arguments: object) -> None:
    """Count a child by its audit event. Popen tells of itself, and from Python 3.13 on of its posix_spawn."""
    if event in CHILDREN and os.getpid() == flight.process:
        by_popen = event != "subprocess.Popen" and sys._getframe(1).f_globals is vars(subprocess)
        flight.children += not by_popen


def _meet_multiprocessing(flight: Flight, module: ModuleType) -> None:
    """Count the processes that multiprocessing spawns: of these no audit event tells."""
    untyped: Any = module
    plain = untyped.spawnv_passfds

    def spawnv_passfds(*args: Any) -> Any:
        flight.children += os.getpid() == flight.process
        return plain(*args)

    untyped.spawnv_passfds = spawnv_passfds


def _meet_asyncore(flight: Flight, module: ModuleType) -> None:
    """Record asyncore from its first loop() on."""
    untyped: Any = module
    plain = untyped.loop

    def loop(*args: Any, **kwargs: Any) -> Any:
        tape = Tape(RING)
        with watch(module, tape), flight.on(module, "asyncore", tape):
            return plain(*args, **kwargs)

    untyped.loop = loop


def _meet_uvloop(flight: Flight, module: ModuleType) -> None:
    untyped: Any = module
    plain = untyped.Loop.run_forever

    def run_forever(loop: Any) -> Any:
        with flight.on(loop, "uvloop"):
            return plain(loop)

    untyped.Loop.run_forever = run_forever


class _Finder:
    """Meets modules when they have been imported: {name: what is called with the module}."""

    def __init__(self, met: dict[str, Callable[[ModuleType], None]]) -> None:
        self.met = met

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in self.met:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        plain = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            plain(module)
            self.met[name](module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
