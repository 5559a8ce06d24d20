"""Two selectors that the standard library lacks: one that never sleeps, and one that records.

Everything else is `selectors`; edge.py has one more, for Linux alone, that a loop has to be written for. Both
are ordinary BaseSelectors: our Loop, an asyncio loop, or any other program that waits through a selector can
be given one.
"""

from __future__ import annotations

import selectors
from collections.abc import Mapping
from typing import Any

from labkit.record.recorder import Recorder
from labkit.tape.tape import Tape

Ready = list[tuple[selectors.SelectorKey, int]]


class BusySelector(selectors._BaseSelectorImpl):  # the stdlib's own ground for a selector
    """Asks the kernel nothing: it says at once that every fd is ready for all that was asked.

    This is polling without select(2): each handler has to try its call, and mostly gets EAGAIN.
    """

    def select(self, timeout: float | None = None) -> Ready:
        return [(key, key.events) for key in list(self._fd_to_key.values())]  # type: ignore[attr-defined]


class RecordingSelector(selectors.BaseSelector):
    """Wraps another selector and writes every wait on `tape`.

    `selector` defaults to the best this machine has; `recorder` may be given instead of a tape, to say how
    buffers are measured and fds are named. It adds no fd, changes no result and swallows no error.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector | None = None,
        tape: Tape | None = None,
        *,
        recorder: Recorder | None = None,
    ) -> None:
        self._selector = selectors.DefaultSelector() if selector is None else selector
        self.recorder = Recorder(tape) if recorder is None else recorder
        self.tape.about.setdefault("selector", named(self._selector)[0])

    @property
    def tape(self) -> Tape:
        return self.recorder.tape

    @property
    def about(self) -> dict[str, str]:
        """What a reader of the tape should know: the selector's name."""
        return self.tape.about

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._selector.register(fileobj, events, data)
        self.recorder.asks(key.fd, events, data)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._selector.modify(fileobj, events, data)
        self.recorder.asks(key.fd, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._selector.unregister(fileobj)
        self.recorder.asks(key.fd, 0)
        return key

    def select(self, timeout: float | None = None) -> Ready:
        ready: Ready = self.recorder.wait(self._selector.select, timeout)
        return ready

    def fileno(self) -> int:
        """The fd of the wrapped selector; AttributeError if it has none (select, poll)."""
        fd: int = self._selector.fileno()  # type: ignore[attr-defined]
        return fd

    def close(self) -> None:
        self.recorder.finish()
        self._selector.close()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._selector.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._selector.get_map()


def available() -> dict[str, type[selectors.BaseSelector]]:
    """The selectors of this machine by name; "busy" is ours."""
    names = ("select", "poll", "epoll", "kqueue")
    kinds = {name: getattr(selectors, f"{name.title()}Selector", None) for name in names}
    return {"busy": BusySelector, **{name: kind for name, kind in kinds.items() if kind}}


def named(selector: str | selectors.BaseSelector) -> tuple[str, selectors.BaseSelector]:
    """(name, selector) for a name or for a selector itself; ValueError lists the names this machine has."""
    if isinstance(selector, selectors.BaseSelector):
        return type(selector).__name__.removesuffix("Selector").lower(), selector
    kinds = available()
    if selector not in kinds:
        raise ValueError(
            f"this machine has no selector {selector!r}; it has {', '.join(kinds)}. "
            "Or give any selectors.BaseSelector."
        )
    return selector, kinds[selector]()
