"""Where an answer runs: what a host() may return beside a Lab, and the selectors that exercises need.

A stage has `tape`, `thread`, `address` and close(). A Lab is one; it is stepped. A Served runs by itself, as
programs do, and is waited for. It runs in the answer's process, and knows nothing of who judges.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from labkit import kernel
from labkit.lab.accounts import Counter
from labkit.lab.lab import Lab
from labkit.lab.peer import Peer
from labkit.lab.recorded_loop import listen
from labkit.loop import Channel
from labkit.record.recorder import Recorder
from labkit.record.selectors import RecordingSelector, named
from labkit.tape.tape import Tape

NEVER = 1000  # turns without a wait after which a loop is told that it does not wait
NEVER_WAITS = f"run_once() came back {NEVER:,} times, and never waited in the selector."
LOOKS_UP = 0.2  # seconds after which a wait that can be stopped looks whether it was
INTRODUCED_WITHIN = 0.05  # seconds in which whoever connected says their name; it may be accepted before


class Ended(Exception):
    """A program on a stage was ended, for the reason that its text gives in a sentence."""


class Stoppable(selectors.SelectSelector):
    """A select that can be told to stop: it looks up from its sleep now and then, and goes on with it."""

    stopped = False
    waits: Callable[[float], Any] | None = None  # the select() of another selector, instead of its own

    def stand_in(self, selector: Any) -> None:
        """Make the waits of another selector stoppable, too."""
        self.waits, selector.select = selector.select, self.select

    def select(self, timeout: float | None = None) -> Any:
        wait = self.waits or super().select
        until = None if timeout is None else time.monotonic() + timeout
        while not self.stopped:
            left = LOOKS_UP if until is None else min(LOOKS_UP, until - time.monotonic())
            ready = wait(max(0.0, left))
            if ready or (until is not None and time.monotonic() >= until):
                return ready
        raise Ended("It was stopped.")


def forever(loop: Any) -> None:
    """Call loop.run_once() for ever; Ended if it never waits in loop.selector."""
    plain, waits = loop.selector.select, 0

    def counted(timeout: float | None = None) -> Any:
        nonlocal waits
        waits += 1
        return plain(timeout)

    loop.selector.select = counted
    for _ in range(NEVER):
        loop.run_once()
        if waits:
            break
    else:
        raise Ended(NEVER_WAITS)
    loop.selector.select = plain
    while True:
        loop.run_once()


class Asking(selectors.BaseSelector):
    """A selector on an object with ask(fd, events) and wait(timeout) → [(fd, events), …].

    It raises ValueError for an answer of wait() that is none.
    """

    def __init__(self, asker: Any) -> None:
        self._asker = asker
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = fileobj.fileno()
        key = self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        self._asker.ask(fd, events)
        return key

    modify = register

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._keys.pop(fileobj.fileno())
        self._asker.ask(key.fd, 0)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = [(int(fd), int(events)) for fd, events in self._asker.wait(timeout)]
        fds = [fd for fd, _ in ready]
        for fd, events in ready:
            if fd not in self._keys:
                raise ValueError(f"wait() returned an fd that was not asked about: {fd}")
            if fds.count(fd) > 1:
                raise ValueError("wait() returned the same fd twice")
            if not events or events & ~self._keys[fd].events:
                raise ValueError(f"wait() returned events that were not asked for: {events}")
        return [(self._keys[fd], events) for fd, events in ready]

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return self._keys


def with_listener(listener: Any, handler: type[Channel], room: int | None = None, **options: Any) -> Lab:
    """A Lab whose listener is a `listener(loop, sock, handler)`, a subclass of labkit's Listener.

    With `room`, so many fds more can be made while its loop is at work.
    """
    lab: Any = Lab(handler, listener=listener, **options)
    if room is not None:
        taken = kernel.open_fds()
        lab.room = next(n for n in range(4096) if n - sum(fd < n for fd in taken) == room)
    return lab  # type: ignore[no-any-return]


class Served:
    """`serve(listener, selector)` in a thread of its own, for as long as it likes.

    The listener and what it accepts are recorded, and so are the waits of the selector. `data` that a program
    registers is its own business.
    """

    def __init__(
        self,
        serve: Callable[[socket.socket, selectors.BaseSelector], Any],
        *,
        selector: str | selectors.BaseSelector = "select",
        buffers: int | None = None,
    ) -> None:
        self.tape = Tape(2**15)  # one that never sleeps fills any
        self.tape.about["selector"], inner = named(selector)
        self.inner: Any = inner
        self.known: dict[int, tuple[str, Peer | None]] = {}  # by the far end's port
        self._far: dict[int, Peer] = {}  # that live in this process, by the fd of the program's end
        self._counter = Counter()
        self.error: BaseException | None = None
        self.recorder = Recorder(
            self.tape, sizes=lambda data: (None, None), describe=self._describe, count=self._count
        )
        self.selector = RecordingSelector(inner, recorder=self.recorder)
        self.listener = listen(self.recorder, buffers)
        self.listener.setblocking(False)
        self.address = self.listener.getsockname()
        self.thread = threading.Thread(target=self._run, args=(serve,), daemon=True)

    def start(self) -> None:
        """Let it go: once the names of the first peers are known."""
        self.thread.start()

    def introduce(self, port: int, name: str, peer: Peer | None = None) -> None:
        """Call whoever connects from `port` `name`; with a `peer`, both ends are counted."""
        self.known[port] = name, peer

    def _run(self, serve: Callable[..., Any]) -> None:
        try:
            serve(self.listener, self.selector)
        except BaseException as error:
            self.error = error

    def _describe(self, fd: int, data: Any) -> tuple[str, tuple[int | None, ...] | None]:
        self._far.pop(fd, None)
        if fd == self.listener.fileno():
            return "listener", None
        try:
            with socket.fromfd(fd, socket.AF_INET, socket.SOCK_STREAM) as sock:
                port = sock.getpeername()[1]
                until = time.monotonic() + INTRODUCED_WITHIN
                while port not in self.known and time.monotonic() < until:
                    time.sleep(0.002)
                name, peer = self.known.get(port, (f"client :{port}", None))
                if peer is None or not peer.open:
                    return name, None
                self._far[fd] = peer
                return name, (*kernel.capacity(sock), *reversed(kernel.capacity(peer.socket)))
        except OSError:
            return f"fd {fd}", None

    def _count(self, fd: int, data: Any, received: int, sent: int) -> tuple[Any, tuple[Any, ...] | None]:
        """The kernel's queues of `fd`, and its Account if its peer is in this process."""
        with contextlib.suppress(OSError):  # closed, and still registered
            if peer := self._far.get(fd):
                with socket.fromfd(fd, socket.AF_INET, socket.SOCK_STREAM) as sock:
                    return self._counter.count(sock, peer, received, sent, patient=False)
        return (kernel.recv_queue(fd), kernel.send_queue(fd)), None

    def close(self) -> None:
        """Its thread ends with its process."""


class ServedByAsyncio(Served):
    """`await serve(listener)` on an asyncio loop of its own, watched with its calls and buffers."""

    def __init__(self, serve: Callable[[socket.socket], Any], *, buffers: int | None = None) -> None:
        super().__init__(lambda listener, selector: self._watched(serve), buffers=buffers)

    def _watched(self, serve: Callable[[socket.socket], Any]) -> None:
        from labkit.watching.watch import watch

        async def main() -> None:
            with watch(asyncio.get_running_loop(), self.tape, calls=True):
                await serve(listener)

        listener = socket.socket(fileno=self.listener.detach())
        with contextlib.closing(listener):
            asyncio.run(main())
