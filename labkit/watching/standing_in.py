"""Modules that stand in for `select` and `time`: everything is theirs, but whoever waits, waits here.

They are made for one name in one other module; the real modules are not touched. What the wait then does
is for the owner to say.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, cast


def waiting_select(real: ModuleType, wait: Callable[..., Any], wait_poll: Callable[..., Any]) -> ModuleType:
    """A stand-in for `select` that calls wait(real, lists, timeout) for select.select(*lists, *timeout).

    And wait_poll(real, pollster, asked, timeout) for pollster.poll(*timeout), where `asked` is {fd: flags}.
    """
    standing: Any = _copy(real)

    def select(rlist: Any, wlist: Any, xlist: Any, *timeout: Any) -> Any:
        return wait(real, (rlist, wlist, xlist), timeout)

    class Pollster:
        """A select.poll object that remembers what it was asked."""

        def __init__(self) -> None:
            self._pollster = real.poll()
            self._asked: dict[int, int] = {}

        def register(self, fd: Any, *flags: int) -> None:
            self._pollster.register(fd, *flags)
            number = fd if isinstance(fd, int) else fd.fileno()
            self._asked[number] = flags[0] if flags else real.POLLIN | real.POLLPRI | real.POLLOUT

        def modify(self, fd: Any, flags: int) -> None:
            self._pollster.modify(fd, flags)
            self._asked[fd if isinstance(fd, int) else fd.fileno()] = flags

        def unregister(self, fd: Any) -> None:
            self._pollster.unregister(fd)
            self._asked.pop(fd if isinstance(fd, int) else fd.fileno(), None)

        def poll(self, *timeout: Any) -> Any:
            return wait_poll(real, self._pollster, self._asked, timeout)

    standing.select = select
    if hasattr(real, "poll"):
        standing.poll = Pollster
    return cast(ModuleType, standing)


def waiting_time(real: ModuleType, wait: Callable[..., Any]) -> ModuleType:
    """A stand-in for `time` that calls wait(real, seconds) for time.sleep(seconds)."""
    standing: Any = _copy(real)

    def sleep(seconds: Any) -> None:
        wait(real, seconds)

    standing.sleep = sleep
    return cast(ModuleType, standing)


def _copy(real: ModuleType) -> ModuleType:
    """A module with everything that `real` has; what is set on `real` later it does not see."""
    standing = ModuleType(real.__name__, real.__doc__)
    vars(standing).update(vars(real))
    return standing
