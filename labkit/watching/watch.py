"""watch(): the recorder on somebody else's loop, for the length of a `with` block, and nothing left behind.

    with watch(asyncore) as tape: asyncore.loop(count=3)
    with watch(asyncio.get_running_loop()) as tape: await reader.read(1)
    with watch(selector) as tape: selector.select(0.5)

It knows which adapter records what, and nothing of how.
"""

from __future__ import annotations

import selectors
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

from labkit.tape.tape import Tape
from labkit.watching.asyncio import watch_asyncio
from labkit.watching.asyncore import is_asyncore, watch_asyncore
from labkit.watching.selector import watch_selector

WHAT_CAN = (
    "it can watch the module asyncore (import asyncore; watch(asyncore)), an asyncio.SelectorEventLoop "
    "(watch(asyncio.get_running_loop())), or a selectors.BaseSelector"
)
OTHER_LOOPS = {
    "pyftpdlib": "pyftpdlib's loop waits on a poller of its own, not through a module or a selector",
    "uvloop": "uvloop waits inside libuv, in C; run the program on asyncio's own loop",
    "trio": "trio waits on an epoll object of its own, and has instruments (trio.abc.Instrument)",
    "curio": "curio keeps its selector inside its kernel; hand Kernel(selector=…) a labkit.RecordingSelector",
    "gevent": "gevent waits inside libev or libuv, in C",
    "eventlet": "eventlet's hub waits on a poller of its own",
    "twisted": "twisted's reactor waits on a poller of its own; asyncioreactor's loop can be watched",
}


def watch(target: Any, tape: Tape | None = None, *, calls: bool = False) -> AbstractContextManager[Tape]:
    """Record every wait of `target` on `tape`, or on a new Tape, which the `with` block is given.

    `target` is the module asyncore (on Python 3.12 and newer the package pyasyncore's), an asyncio loop that
    waits through a selector, also while it runs (tornado's IOLoop is one), or any selectors.BaseSelector. At
    the end of the block, also by an exception, everything is as it was. The program makes the same calls in
    the same order meanwhile, and gets the same answers and errors.

    Of asyncore the calls on sockets are recorded too, the methods of its dispatchers (turn.Call says how),
    and their buffers. Of asyncio the sets and the times; with `calls` its calls on sockets and its buffers as
    well. Of a selector the sets, the times and the kernel's queues.

    One thread is recorded: of asyncore the first that waits. Calls made before the first wait stand in the
    first iteration, at a time below 0.

    Raises TypeError for anything else, RuntimeError for an asyncio loop that is closed.
    """
    if tape is not None and not isinstance(tape, Tape):
        raise TypeError(f"watch(…, tape={tape!r}): give a labkit Tape, or leave it out")
    tape = Tape() if tape is None else tape
    if is_asyncore(target):
        return watch_asyncore(target, tape)
    if isinstance(target, selectors.BaseSelector):
        return watch_selector(target, tape)
    loop = getattr(target, "asyncio_loop", target)  # tornado's IOLoop
    if callable(getattr(loop, "_run_once", None)) and hasattr(loop, "_selector"):
        if loop._selector is None:
            raise RuntimeError("this asyncio loop is closed; watch a loop before it is")
        return watch_asyncio(loop, tape, calls)
    raise TypeError(f"watch({target!r}): {_why_not(target)}{WHAT_CAN}")


def _why_not(target: Any) -> str:
    """What is known of a loop that cannot be watched."""
    name = target.__name__ if isinstance(target, ModuleType) else type(target).__module__
    why = OTHER_LOOPS.get(str(name).partition(".")[0])
    return "" if why is None else f"{why}. So it cannot be watched; "
