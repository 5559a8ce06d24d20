"""Interrupts that wait: a few lines that have to be done as a whole are, and the interrupt is raised then.

Python raises KeyboardInterrupt between any two instructions of the main thread, so also between the making of
an fd and the line that would have kept it. It knows signals and nothing else.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Uninterrupted:
    """As a context: SIGINT is held back until the block is over. Keep such a block short, or ask `wanted`.

    Outside the main thread, where Python runs no signal handlers, and where SIGINT is not handled by Python,
    it does nothing.
    """

    def __init__(self) -> None:
        self.wanted = threading.Event()  # an interrupt is waiting
        self._held: tuple[int, FrameType | None] | None = None
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):
                self._before = before
                signal.signal(signal.SIGINT, self._hold)
        return self

    def __exit__(self, *_: object) -> None:
        before, self._before = self._before, None
        if before is None:
            return
        if signal.getsignal(signal.SIGINT) == self._hold:
            signal.signal(signal.SIGINT, before)
        held, self._held = self._held, None
        if held is not None:
            before(*held)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        self._held = number, frame
        self.wanted.set()
