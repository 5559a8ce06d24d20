"""Any selector, recorded as it is used: recording methods over those of the one object, for a while.

It knows the selectors module and the recorder, and no framework.
"""

from __future__ import annotations

import logging
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from labkit.record.recorder import Recorder
from labkit.record.selectors import named
from labkit.record.sockets import Several, Sockets
from labkit.record.watched import Described, Sizes, channel_sizes
from labkit.tape.tape import Tape
from labkit.watching.names import Names
from labkit.watching.patches import Patches

log = logging.getLogger("labkit")
Owner = Callable[[selectors.SelectorKey], Any]  # whose buffers to look at


@contextmanager
def watch_selector(selector: selectors.BaseSelector, tape: Tape) -> Iterator[Tape]:
    """Record the waits of a selector, whoever waits."""
    tape.about["selector"] = named(selector)[0]
    names = Names()

    def describe(fd: int, data: Any) -> Described:
        return names.describe(fd)

    with recorded(selector, Recorder(tape, sizes=_sizes, describe=describe), lambda key: key.data):
        yield tape


def _sizes(data: Any) -> Sizes:
    """Whatever the program registered: it may have what goes by these names, and be no channel."""
    return (None, None) if data is None or isinstance(data, tuple) else channel_sizes(data)


@contextmanager
def recorded(
    selector: selectors.BaseSelector, recorder: Recorder, owner: Owner, calls: bool = False
) -> Iterator[SelectorPatch]:
    """Record what passes at a selector, and with `calls` what its recorded sockets do."""
    start_afresh(recorder)
    patch = _patches.get(id(selector)) or SelectorPatch(selector)
    patch.add(Watching(recorder, owner, calls))
    try:
        yield patch
    finally:
        patch.remove(recorder)
        recorder.end()


def start_afresh(recorder: Recorder) -> None:
    """What an earlier recording on this tape asked about is not asked about any more."""
    for fd in recorder.tape[-1].interest if len(recorder.tape) else ():
        recorder.asks(fd, 0)


class Watching(NamedTuple):
    """One recording of a selector."""

    recorder: Recorder
    owner: Owner
    calls: bool


class SelectorPatch:
    """The recording methods over those of one selector object, as long as anybody watches it."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self.selector = selector
        self._plain_select: Callable[..., Any] = selector.select
        self._wait = self._plain_select  # through all who watch
        self.watching: tuple[Watching, ...] = ()
        self.sockets = Sockets(Several(tuple))
        self._patches = Patches()
        self._once: set[tuple[int, str]] = set()

    def add(self, one: Watching) -> None:
        if not self.watching:
            self._put()
        for key in list((self.selector.get_map() or {}).values()):
            _tell(one, key)
        self._watched_by((*self.watching, one))

    def _watched_by(self, watching: tuple[Watching, ...]) -> None:
        self._wait = self._plain_select
        for each in watching:
            self._wait = partial(each.recorder.wait, self._wait)
        callers = [each.recorder for each in watching if each.calls]
        self.sockets.told = callers[0] if len(callers) == 1 else Several(lambda: callers)
        self.watching = watching

    def remove(self, recorder: Recorder) -> None:
        self._watched_by(tuple(each for each in self.watching if each.recorder is not recorder))
        if not self.watching:
            self.sockets.release()
            self._patches.take_back()
            self._once.clear()
            _patches.pop(id(self.selector), None)

    def put_once(self, owner: Any, name: str, over: Callable[[Any], Any]) -> None:
        """Put over(what is there) in its place, until nobody watches any more; a second time does nothing."""
        if (id(owner), name) not in self._once:
            self._once.add((id(owner), name))
            self._patches.put(owner, name, over(getattr(owner, name)))

    def _put(self) -> None:
        """Stand over the selector's own methods."""
        _patches[id(self.selector)] = self
        real: Any = self.selector
        plain_register, plain_modify, plain_unregister = real.register, real.modify, real.unregister

        def select(timeout: float | None = None) -> Any:
            return self._wait(timeout)

        def register(fileobj: Any, events: Any, data: Any = None) -> Any:
            return tell(plain_register(fileobj, events, data))

        def modify(fileobj: Any, events: Any, data: Any = None) -> Any:
            return tell(plain_modify(fileobj, events, data))

        def tell(key: Any) -> Any:
            for each in self.watching:
                _tell(each, key)
            return key

        def unregister(fileobj: Any) -> Any:
            key = plain_unregister(fileobj)
            for each in self.watching:
                each.recorder.asks(key.fd, 0)
            return key

        for method in (select, register, modify, unregister):
            self._patches.put(self.selector, method.__name__, method)


def _tell(one: Watching, key: selectors.SelectorKey) -> None:
    """Tell a recorder what is asked of an fd. Its instruments may fail; the program's call may not."""
    try:
        one.recorder.asks(key.fd, key.events, one.owner(key))
    except Exception:
        log.exception("a recorder could not follow the registration of fd %s; it goes on without", key.fd)


_patches: dict[int, SelectorPatch] = {}  # by the id of a selector that is watched now
