"""An alarm: the kernel's own signal, after a while, to this process.

It knows signals and nothing else.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def alarm(seconds: float, handler: Callable[[int, Any], object]) -> Iterator[None]:
    """The kernel sends this process SIGALRM after `seconds`, and `handler` is called (setitimer(2)).

    Whatever ends the block, no alarm is left pending and the old handler is back. Python runs handlers in
    the main thread only: RuntimeError elsewhere.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("alarm() works in the main thread only: Python calls signal handlers nowhere else")
    before = signal.getsignal(signal.SIGALRM)
    try:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)
