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
from collections.abc import Callable
from threading import get_ident
from types import FunctionType, ModuleType, TracebackType
from typing import Any

from labkit.record import recorder as recording
from labkit.record import tapping
from labkit.record.recorder import Recorder
from labkit.record.tapping import Tap
from labkit.tape.turn import Event
from labkit.watching import standing_in
from labkit.watching.standing_in import waiting_select, waiting_time

log = logging.getLogger("labkit")

EVENT_FUNCTIONS = ("read", "write", "_exception", "readwrite")  # what poll() and poll2() call on an event
# Called for every fd on every turn, or recorded at the socket under the same name, or about logging.
NOT_RECORDED = frozenset(
    [
        "readable",
        "writable",
        "recv",
        "send",
        "accept",
        "connect",
        "close",
        "bind",
        "listen",
        "log",
        "log_info",
    ]
)
OURS = frozenset([__file__, recording.__file__, standing_in.__file__, tapping.__file__])


def is_asyncore(module: Any) -> bool:
    """Whether `module` is asyncore: the standard library's up to Python 3.11, or the package pyasyncore's."""
    names = ("poll", "poll2", "loop", "dispatcher", "socket_map", "select", "time", *EVENT_FUNCTIONS)
    return isinstance(module, ModuleType) and all(hasattr(module, name) for name in names)


class Watcher:
    """One recording of a module: a Recorder, and whose calls it takes.

    It follows the waits on `map`, a dispatcher map of its own; or with None, those of the first thread that
    waits on any other. What other threads do passes unrecorded.
    """

    def __init__(self, recorder: Recorder, map: dict[int, Any] | None = None) -> None:
        self.recorder = recorder
        self.map = map
        self.thread: int | None = None
        self._interest: dict[int, int] = {}
        self._told: Any = None  # the last interest lists, as they were handed in

    def asks(self, lists: Any, interest: Callable[[], dict[int, int]], dispatchers: dict[int, Any]) -> bool:
        """Tell the recorder the interest set and whose fds they are; False if nothing has changed."""
        told = (lists, list(dispatchers), list(map(id, dispatchers.values())))
        if told == self._told:
            return False
        self._told = told
        asked, recorder = interest(), self.recorder
        for fd in self._interest.keys() - asked.keys():
            recorder.asks(fd, 0)
        for fd, events in asked.items():
            recorder.asks(fd, events, dispatchers.get(fd))
        self._interest = asked
        return True


class Door:
    """Stands in an asyncore module while somebody watches it: one a module, made by `enter`."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.watchers: list[Watcher] = []
        self._here: dict[int, tuple[Recorder, ...]] = {}  # thread → whom its calls are told
        self._undo: list[tuple[Any, str, Any, Any]] = []
        self._wrapped: set[type] = set()
        self._fds: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        kinds = [getattr(module, name) for name in ("file_wrapper",) if hasattr(module, name)]
        self._tap = Tap(self.recorders, tuple(kinds))

    # ---- opening and closing -------------------------------------------------------------------------

    def enter(self, watcher: Watcher) -> None:
        if not self.watchers:
            self._open()
        self.watchers = [*self.watchers, watcher]
        self._here.clear()

    def leave(self, watcher: Watcher) -> None:
        """Tell the watcher no more; with the last one, the module is as it was."""
        with _lock:
            self.watchers = [each for each in self.watchers if each is not watcher]
            self._here.clear()
            if not self.watchers and _doors.get(self.module) is self:
                del _doors[self.module]
                self._close()

    def _open(self) -> None:
        module = self.module
        self._put(module, "select", waiting_select(module.select, self._select, self._poll))
        self._put(module, "time", waiting_time(module.time, self._sleep))
        for name in EVENT_FUNCTIONS:
            self._put(module, name, self._method(getattr(module, name), event=True))
        for each in list(vars(module).values()):
            if isinstance(each, type) and issubclass(each, module.dispatcher):
                self._wrap(each)
        for dispatcher in list(module.socket_map.values()):
            self.meet(dispatcher)

    def _close(self) -> None:
        for owner, name, ours, original in reversed(self._undo):
            if vars(owner).get(name) is ours:
                setattr(owner, name, original)
        self._undo.clear()
        self._wrapped.clear()
        self._tap.close()

    def _put(self, owner: Any, name: str, ours: Any) -> None:
        self._undo.append((owner, name, ours, vars(owner)[name]))
        setattr(owner, name, ours)

    # ---- who is told ---------------------------------------------------------------------------------

    def recorders(self) -> tuple[Recorder, ...]:
        """Who is told of the calls that this thread makes."""
        me = get_ident()
        found = self._here.get(me)
        if found is None:
            theirs = any(each.thread == me for each in self.watchers)
            found = self._here[me] = tuple(
                each.recorder
                for each in self.watchers
                if each.thread == me or (each.thread is None and each.map is None and not theirs)
            )
        return found

    def follows(self, watcher: Watcher, thread: int) -> None:
        """From now on the watcher takes the calls of `thread`, and of no other."""
        watcher.thread = thread
        self._here.clear()

    def _followers(self, map: Any) -> list[Watcher]:
        me = get_ident()
        owned = [each for each in self.watchers if each.map is not None and each.map is map]
        if owned:
            return owned
        found = [each for each in self.watchers if each.map is None and each.thread in (None, me)]
        for each in found:
            if each.thread is None:
                self.follows(each, me)
        return found

    # ---- the wait boundary ---------------------------------------------------------------------------

    def _select(self, real: ModuleType, lists: tuple[Any, ...], rest: tuple[Any, ...]) -> Any:
        def interest() -> dict[int, int]:
            asked: dict[int, int] = {}
            for event, fds in zip((1, 2, 4), lists, strict=True):
                for fd in fds:
                    asked[fd] = asked.get(fd, 0) | event
            return asked

        def told(answer: Any) -> tuple[int, ...]:
            ready: dict[int, int] = {}
            for event, fds in zip((1, 2, 4), answer, strict=True):
                for fd in fds:
                    ready[fd] = ready.get(fd, 0) | event
            return tuple(value for item in ready.items() for value in item)

        timeout = rest[0] if rest else None
        return self._wait(lists, interest, lambda: real.select(*lists, *rest), told, timeout, "select")

    def _poll(self, real: ModuleType, pollster: Any, asked: dict[int, int], args: tuple[Any, ...]) -> Any:
        bits = [(real.POLLIN, Event.READ), (real.POLLOUT, Event.WRITE), (real.POLLPRI, Event.EXCEPT)]
        # Told without being asked, and with no list of their own: a hang-up, an error, an fd that is closed.
        bits += [(flag, Event.EXCEPT) for flag in (real.POLLHUP, real.POLLERR, real.POLLNVAL)]

        def events(flags: int) -> int:
            return sum({int(event) for bit, event in bits if flags & bit})

        def interest() -> dict[int, int]:
            return {fd: events(flags) for fd, flags in asked.items()}

        def told(answer: Any) -> tuple[int, ...]:
            return tuple(value for fd, flags in answer for value in (fd, events(flags)))

        milliseconds = args[0] if args else None
        timeout = None if milliseconds is None or milliseconds < 0 else milliseconds / 1000
        return self._wait(asked, interest, lambda: pollster.poll(*args), told, timeout, "poll")

    def _sleep(self, real: ModuleType, seconds: Any) -> None:
        self._wait((), dict, lambda: real.sleep(seconds), lambda answer: (), seconds, "sleep")

    def _wait(
        self,
        lists: Any,
        interest: Callable[[], dict[int, int]],
        wait: Callable[[], Any],
        told: Callable[[Any], tuple[int, ...]],
        timeout: float | None,
        kind: str,
    ) -> Any:
        """Wait, and tell those who follow this loop: what is asked, that it waits, what came back."""
        frame = sys._getframe(3)  # poll() or poll2(), which keeps the map in a local variable of this name
        inside = frame.f_globals is vars(self.module)
        map = frame.f_locals.get("map") if inside else None
        followers = self._followers(map)
        if not followers:
            return wait()
        self._try(self._prepare, followers, lists, interest, map or {}, kind)
        recorders = [each.recorder for each in followers]
        began = [recorder.waits() for recorder in recorders]
        try:
            answer = wait()
        except BaseException as error:
            for recorder, at in zip(recorders, began, strict=True):
                recorder.woke(at, timeout, ())
                recorder.error(-1, f"{type(error).__name__}: {error}")
                recorder.finish()
            raise
        ready = self._try(told, answer) or ()
        for recorder, at in zip(recorders, began, strict=True):
            recorder.woke(at, timeout, ready)
        return answer

    def _prepare(
        self,
        followers: list[Watcher],
        lists: Any,
        interest: Callable[[], dict[int, int]],
        map: dict[int, Any],
        kind: str,
    ) -> None:
        for each in followers:
            if kind != "sleep":
                each.recorder.tape.about["selector"] = kind
            if each.asks(lists, interest, map):
                for dispatcher in map.values():
                    self.meet(dispatcher)

    def _try(self, instrument: Callable[..., Any], *args: Any) -> Any:
        try:
            return instrument(*args)
        except Exception:
            log.exception(
                "the recorder could not follow a wait of asyncore; this turn is recorded without it"
            )
            return None

    # ---- dispatchers ---------------------------------------------------------------------------------

    def meet(self, dispatcher: Any) -> None:
        """Take the calls of a dispatcher, and of the classes it is made from, from now on."""
        kind = type(dispatcher)
        if kind not in self._wrapped and isinstance(dispatcher, self.module.dispatcher):
            for each in kind.__mro__:
                self._wrap(each)
        self._tap.open(getattr(dispatcher, "socket", None))

    def _wrap(self, kind: type) -> None:
        if kind in self._wrapped or not issubclass(kind, self.module.dispatcher):
            return
        self._wrapped.add(kind)
        theirs = kind.__module__ == self.module.__name__
        for name, value in list(vars(kind).items()):
            if not isinstance(value, FunctionType):
                continue
            if name == "add_channel":
                self._put(kind, name, self._add_channel(value))
            elif name == "handle_error":
                self._put(kind, name, self._handle_error(value))
            elif name in NOT_RECORDED or name.startswith("__"):
                continue
            elif not theirs or name.startswith("handle_") or name == "initiate_send":
                self._put(kind, name, self._method(value))

    def _method(self, function: Callable[..., Any], event: bool = False) -> Callable[..., Any]:
        """A method, or with `event` one of the functions that call it, with its beginning and end told."""
        name, here, find, fd_of = function.__name__, self._here, self.recorders, self._fd
        dispatchers = self.module.dispatcher

        @functools.wraps(function)
        def method(dispatcher: Any, *args: Any, **kwargs: Any) -> Any:
            recorders = here.get(get_ident())
            if recorders is None:
                recorders = find()
            if not recorders or (event and not isinstance(dispatcher, dispatchers)):
                return function(dispatcher, *args, **kwargs)
            fd = fd_of(dispatcher)
            asked = args[0] if event and args else None  # the flags of a readwrite()
            recorder = recorders[0]
            entered = recorder.enters(fd, name, asked)
            others = [(each, each.enters(fd, name, asked)) for each in recorders[1:]] if recorders[1:] else ()
            errno = 0
            try:
                return function(dispatcher, *args, **kwargs)
            except OSError as error:
                errno = error.errno or 0
                raise
            finally:
                recorder.leaves(entered, errno)
                for each, place in others:
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
            self.meet(dispatcher)
            try:
                self._fds[dispatcher] = dispatcher._fileno
            except (AttributeError, TypeError):  # no number, or no hash
                pass
            for watcher in self.watchers:  # one that a lab's own loop makes joins that loop's map
                here = watcher.map is not None and watcher.thread == get_ident()
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


_doors: dict[ModuleType, Door] = {}
_lock = threading.RLock()


def enter(module: ModuleType, watcher: Watcher) -> Door:
    """Let `watcher` take what passes in an asyncore module, until it leaves the Door that is returned."""
    with _lock:
        door = _doors.get(module) or Door(module)
        door.enter(watcher)
        _doors[module] = door
        return door
