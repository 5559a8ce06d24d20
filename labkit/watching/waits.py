"""Modules that stand in for `select` and `time`: everything is theirs, but whoever waits, waits here.

They are made for one name in one other module; the real modules are not touched. What the wait then does
is for the owner to say.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from labkit.tape.packing import number
from labkit.tape.turn import Event


class Wait(NamedTuple):
    """One wait that a program is about to make: call(timeout) makes it, and gives what the program gets.

    `lists` is what it asks about, as it was handed in; `interest()` gives that as {fd: events}, and
    `ready(answer)` the answer as (fd, events, …). `timeout` is in seconds; None: no limit.
    """

    kind: str
    lists: Any
    interest: Callable[[], dict[int, int]]
    call: Callable[[Any], Any]
    ready: Callable[[Any], tuple[int, ...]]
    timeout: Any


Waiter = Callable[[Wait], Any]


def select_that_waits(real: ModuleType, wait: Waiter) -> ModuleType:
    """A stand-in for the module `select` whose select() and whose pollers' poll() go through `wait`."""
    stand_in = _copy(real)

    def select(rlist: Any, wlist: Any, xlist: Any, *timeout: Any) -> Any:
        lists = (rlist, wlist, xlist)
        return wait(
            Wait(
                "select",
                lists,
                lambda: _masks(lists),
                lambda _: real.select(*lists, *timeout),
                lambda answer: tuple(value for item in _masks(answer).items() for value in item),
                timeout[0] if timeout else None,
            )
        )

    vars(stand_in)["select"] = select
    if hasattr(real, "poll"):
        vars(stand_in)["poll"] = lambda: Pollster(real, wait)
    return stand_in


def _masks(lists: Any) -> dict[int, int]:
    """{fd: events} of the three lists that select() takes, and returns."""
    found: dict[int, int] = {}
    for event, fds in zip((Event.READ, Event.WRITE, Event.EXCEPT), lists, strict=True):
        for fd in map(_number, fds):
            found[fd] = found.get(fd, 0) | int(event)
    return found


def _number(fd: Any) -> int:
    found: int = number(fd.fileno() if hasattr(fd, "fileno") else fd) or 0
    return found


class Pollster:
    """A select.poll object that remembers what it was asked."""

    def __init__(self, real: Any, wait: Waiter) -> None:
        self._real, self._wait = real, wait
        self._pollster = real.poll()
        self._asked: dict[int, int] = {}
        bits = [(real.POLLIN, Event.READ), (real.POLLOUT, Event.WRITE), (real.POLLPRI, Event.EXCEPT)]
        # Told without being asked, and with no list of their own: a hang-up, an error, an fd that is closed.
        bits += [(flag, Event.EXCEPT) for flag in (real.POLLHUP, real.POLLERR, real.POLLNVAL)]
        self._bits = [(int(flag), int(event)) for flag, event in bits]

    def register(self, fd: Any, *flags: Any) -> None:
        self._pollster.register(fd, *flags)
        every = self._real.POLLIN | self._real.POLLPRI | self._real.POLLOUT
        self._asked[_number(fd)] = flags[0] if flags else every

    def modify(self, fd: Any, flags: Any) -> None:
        self._pollster.modify(fd, flags)
        self._asked[_number(fd)] = flags

    def unregister(self, fd: Any) -> None:
        self._pollster.unregister(fd)
        self._asked.pop(_number(fd), None)

    def poll(self, *timeout: Any) -> Any:
        limit = number(timeout[0]) if timeout else None
        return self._wait(
            Wait(
                "poll",
                dict(self._asked),
                lambda: {fd: self._events(flags) for fd, flags in self._asked.items()},
                lambda _: self._pollster.poll(*timeout),
                lambda answer: tuple(v for fd, flags in answer for v in (fd, self._events(flags))),
                None if limit is None or limit < 0 else limit / 1000,
            )
        )

    def _events(self, flags: Any) -> int:
        return sum({event for bit, event in self._bits if flags & bit})


def time_that_waits(real: ModuleType, wait: Waiter) -> ModuleType:
    """A stand-in for the module `time` whose sleep() goes through `wait`."""
    stand_in = _copy(real)

    def sleep(seconds: Any) -> None:
        wait(Wait("sleep", (), dict, lambda _: real.sleep(seconds), lambda answer: (), seconds))

    vars(stand_in)["sleep"] = sleep
    return stand_in


def _copy(real: ModuleType) -> ModuleType:
    """A module with everything that `real` has; what is set on `real` later it does not see."""
    stand_in = ModuleType(real.__name__, real.__doc__)
    vars(stand_in).update(vars(real))
    return stand_in
