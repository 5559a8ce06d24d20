"""asyncore, recorded as it is: stand-ins for two names in its module, and its methods wrapped, for a while.

The module calls `select.select` or `select.poll` through its own global names, so whoever stands in for these
stands at the wait boundary. Nothing of its logic is replaced: each wrapped function calls the original, which
decides and raises as ever. It knows asyncore by its names only, and does not import it.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FunctionType, ModuleType, TracebackType
from typing import Any

from labkit.record import recorder as recording
from labkit.record import sockets as recording_sockets
from labkit.record.recorder import Recorder
from labkit.record.sockets import Several, Sockets
from labkit.tape.tape import Tape
from labkit.tape.turn import RAISED
from labkit.watching import dispatchers, waits
from labkit.watching.dispatchers import describe_dispatcher, dispatcher_buffers, dispatcher_sizes
from labkit.watching.names import Names
from labkit.watching.patches import Patches
from labkit.watching.selector import start_afresh

log = logging.getLogger("labkit")

EVENT_FUNCTIONS = ("read", "write", "_exception", "readwrite")  # what poll() and poll2() call on an event
# Called for every fd on every turn, or recorded at the socket under the same name, or about logging.
NOT_RECORDED = frozenset(
    ["readable", "writable", "recv", "send", "accept", "connect"]
    + ["close", "bind", "listen", "log", "log_info"]
)
OURS = frozenset(
    [__file__, recording.__file__, recording_sockets.__file__, waits.__file__, dispatchers.__file__]
)


def is_asyncore(module: Any) -> bool:
    """Whether `module` is asyncore: the standard library's up to Python 3.11, or the package pyasyncore's."""
    names = ("poll", "poll2", "loop", "dispatcher", "socket_map", "select", "time", *EVENT_FUNCTIONS)
    return isinstance(module, ModuleType) and all(hasattr(module, name) for name in names)


@contextmanager
def watch_asyncore(module: Any, tape: Tape) -> Iterator[Tape]:
    """Record the waits of the first thread that waits, its calls, and its dispatchers' methods."""
    names = Names()
    recorder = Recorder(
        tape,
        sizes=dispatcher_sizes,
        buffers=dispatcher_buffers,
        describe=lambda fd, dispatcher: describe_dispatcher(names, fd, dispatcher),
    )
    tape.about.setdefault("selector", "select")
    tape.about["loop"] = module.__name__
    start_afresh(recorder)
    watcher = Watcher(recorder)
    patch = enter(module, watcher)
    try:
        yield tape
    except BaseException as error:
        hide(error.__traceback__)
        raise
    finally:
        patch.leave(watcher)
        recorder.end()


class Watcher:
    """One recording of a module: a Recorder, and whose calls it takes.

    It follows the waits on `map`, a dispatcher map of its own; or with None, those of the first thread that
    waits on any other. What other threads do passes unrecorded.
    """

    def __init__(self, recorder: Recorder, map: dict[int, Any] | None = None) -> None:
        self.recorder = recorder
        self.map = map
        self.thread: object | None = None  # what this_thread() says in it
        self._interest: dict[int, tuple[int, int]] = {}  # fd → (events, id of its dispatcher)
        self._told: Any = None  # the last interest lists, as they were handed in

    def asks(self, lists: Any, interest: Callable[[], dict[int, int]], dispatchers: dict[int, Any]) -> bool:
        """Tell the recorder the interest set and whose fds they are; False if nothing has changed."""
        # Of a closed dispatcher another may have the fd, and the place in memory.
        told = (lists, list(dispatchers), list(map(id, dispatchers.values())), self.recorder.dropped)
        if told == self._told:
            return False
        self._told = told
        recorder, before = self.recorder, self._interest
        self._interest = {fd: (events, id(dispatchers.get(fd))) for fd, events in interest().items()}
        for fd, (_, dispatcher) in before.items():
            if fd not in self._interest or self._interest[fd][1] != dispatcher:
                recorder.asks(fd, 0)
        for fd, (events, _) in self._interest.items():
            recorder.asks(fd, events, dispatchers.get(fd))
        return True


class AsyncorePatch:
    """What stands in an asyncore module while somebody watches it: one a module, made by `enter`."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.watchers: list[Watcher] = []
        self._here = threading.local()  # .told: whom the calls of this thread are told
        self._patches = Patches()
        self._wrapped: set[type] = set()
        self._fds: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        kinds = [getattr(module, name) for name in ("file_wrapper",) if hasattr(module, name)]
        self._sockets = Sockets(Several(self.recorders), tuple(kinds))

    # ---- opening and closing -------------------------------------------------------------------------

    def enter(self, watcher: Watcher) -> None:
        if not self.watchers:
            self._open()
        self.watchers = [*self.watchers, watcher]
        self._here = threading.local()

    def leave(self, watcher: Watcher) -> None:
        """Tell the watcher no more; with the last one, the module is as it was."""
        with _lock:
            self.watchers = [each for each in self.watchers if each is not watcher]
            self._here = threading.local()
            if not self.watchers and _entered.get(self.module) is self:
                del _entered[self.module]
                self._patches.take_back()
                self._wrapped.clear()
                self._sockets.release()

    def _open(self) -> None:
        module, put = self.module, self._patches.put
        put(module, "select", waits.select_that_waits(module.select, self._wait))
        put(module, "time", waits.time_that_waits(module.time, self._wait))
        for name in EVENT_FUNCTIONS:
            put(module, name, self._method(getattr(module, name), event=True))
        for each in list(vars(module).values()):
            if isinstance(each, type) and issubclass(each, module.dispatcher):
                self._wrap(each)
        for dispatcher in list(module.socket_map.values()):
            self.instrument(dispatcher)

    # ---- who is told ---------------------------------------------------------------------------------

    def recorders(self) -> tuple[Recorder, ...]:
        """Who is told of the calls that this thread makes."""
        here = self._here
        try:
            found: tuple[Recorder, ...] = here.told
        except AttributeError:
            me = this_thread()
            theirs = any(each.thread is me for each in self.watchers)
            found = here.told = tuple(
                each.recorder
                for each in self.watchers
                if each.thread is me or (each.thread is None and each.map is None and not theirs)
            )
        return found

    def follows(self, watcher: Watcher) -> None:
        """From now on the watcher takes the calls of this thread, and of no other."""
        watcher.thread = this_thread()
        self._here = threading.local()

    def _followers(self, map: Any) -> list[Watcher]:
        owned = [each for each in self.watchers if each.map is not None and each.map is map]
        if owned:
            return owned
        me = this_thread()
        found = [each for each in self.watchers if each.map is None and each.thread in (None, me)]
        for each in found:
            if each.thread is None:
                self.follows(each)
        return found

    # ---- the wait boundary ---------------------------------------------------------------------------

    def _wait(self, wait: waits.Wait) -> Any:
        """Wait, and tell those who follow this loop: what is asked, that it waits, what came back."""
        frame = sys._getframe(2)  # poll() or poll2(), which keeps the map in a local variable of this name
        inside = frame.f_globals is vars(self.module)
        map = frame.f_locals.get("map") if inside else None
        call = wait.call
        for each in self._followers(map):
            self._try(self._prepare, each, wait, map or {})
            call = partial(each.recorder.wait, call, ready=wait.ready)
        return call(wait.timeout)

    def _prepare(self, watcher: Watcher, wait: waits.Wait, map: dict[int, Any]) -> None:
        if wait.kind != "sleep":
            watcher.recorder.tape.about["selector"] = wait.kind
        if watcher.asks(wait.lists, wait.interest, map):
            for dispatcher in map.values():
                self.instrument(dispatcher)

    def _try(self, instrument: Callable[..., Any], *args: Any) -> None:
        try:
            instrument(*args)
        except Exception:
            log.exception("the recorder could not follow a wait of asyncore; this turn is recorded without")

    # ---- dispatchers ---------------------------------------------------------------------------------

    def instrument(self, dispatcher: Any) -> None:
        """Take the calls of a dispatcher, and of the classes it is made from, from now on."""
        kind = type(dispatcher)
        if kind not in self._wrapped and isinstance(dispatcher, self.module.dispatcher):
            for each in kind.__mro__:
                self._wrap(each)
        self._sockets.record(getattr(dispatcher, "socket", None))

    def _wrap(self, kind: type) -> None:
        if kind in self._wrapped or not issubclass(kind, self.module.dispatcher):
            return
        self._wrapped.add(kind)
        theirs = kind.__module__ == self.module.__name__
        for name, value in list(vars(kind).items()):
            if not isinstance(value, FunctionType) or name in NOT_RECORDED or name.startswith("__"):
                continue
            if name == "add_channel":
                self._patches.put(kind, name, self._add_channel(value))
            elif name == "handle_error":
                self._patches.put(kind, name, self._handle_error(value))
            elif not theirs or name.startswith("handle_") or name == "initiate_send":
                self._patches.put(kind, name, self._method(value))

    def _method(self, function: Callable[..., Any], event: bool = False) -> Callable[..., Any]:
        """A method, or with `event` one of the functions that call it, with its beginning and end told."""
        name, find, fd_of = function.__name__, self.recorders, self._fd
        dispatchers = self.module.dispatcher

        @functools.wraps(function)
        def method(dispatcher: Any, *args: Any, **kwargs: Any) -> Any:
            recorders = find()
            if not recorders or (event and not isinstance(dispatcher, dispatchers)):
                return function(dispatcher, *args, **kwargs)
            fd = fd_of(dispatcher)
            arg = args[0] if event and args else None  # the flags of a readwrite()
            entered = [(each, each.enters(fd, name, arg)) for each in recorders]
            errno = 0
            try:
                return function(dispatcher, *args, **kwargs)
            except OSError as error:
                errno = error.errno or RAISED
                raise
            except BaseException:
                errno = RAISED
                raise
            finally:
                for each, place in entered:
                    each.leaves(place, errno)

        return method

    def _handle_error(self, function: Callable[..., Any]) -> Callable[..., Any]:
        recorded = self._method(function)

        @functools.wraps(function)
        def handle_error(dispatcher: Any, *args: Any, **kwargs: Any) -> Any:
            _, error, traceback = sys.exc_info()
            hide(traceback)  # what asyncore prints names only the program's functions, as ever
            if error is not None:
                for recorder in self.recorders():
                    recorder.error(self._fd(dispatcher), f"{type(error).__name__}: {error}")
            return recorded(dispatcher, *args, **kwargs)

        return handle_error

    def _add_channel(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def add_channel(dispatcher: Any, *args: Any, **kwargs: Any) -> Any:
            self.instrument(dispatcher)
            try:
                self._fds[dispatcher] = dispatcher._fileno
            except (AttributeError, TypeError):  # no number, or no hash
                pass
            for watcher in self.watchers:  # one that a lab's own loop makes joins that loop's map
                here = watcher.map is not None and watcher.thread is this_thread()
                if here and getattr(dispatcher, "_map", None) is self.module.socket_map:
                    dispatcher._map = watcher.map
            return function(dispatcher, *args, **kwargs)

        return add_channel

    def _fd(self, dispatcher: Any) -> int:
        """A dispatcher's fd; once it is closed, the one that it had."""
        fd: int | None = getattr(dispatcher, "_fileno", None)
        if fd is not None:
            return fd
        try:
            return self._fds.get(dispatcher, -1)
        except TypeError:
            return -1


def hide(traceback: TracebackType | None) -> None:
    """Take the recorder's own frames out of a traceback, all but a first one."""
    while traceback is not None:
        while traceback.tb_next is not None and traceback.tb_next.tb_frame.f_code.co_filename in OURS:
            traceback.tb_next = traceback.tb_next.tb_next
        traceback = traceback.tb_next


_mine = threading.local()


def this_thread() -> object:
    """What stands for this thread, and never for another: its number is used again after its end."""
    try:
        token: object = _mine.token
    except AttributeError:
        token = _mine.token = object()
    return token


_entered: dict[ModuleType, AsyncorePatch] = {}
_lock = threading.RLock()


def enter(module: ModuleType, watcher: Watcher) -> AsyncorePatch:
    """Let `watcher` take what passes in an asyncore module, until it leaves the patch that is returned."""
    with _lock:
        patch = _entered.get(module) or AsyncorePatch(module)
        patch.enter(watcher)
        _entered[module] = patch
        return patch
