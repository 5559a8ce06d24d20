"""A Lab whose loop is asyncore's own: stepped, run, paused and poked like ours, and recorded as it is.

with AsyncoreLab(asyncore, lambda: RPCServer("127.0.0.1", 0)) as lab:
    alice = lab.connect("alice")
    lab.step()
"""

from __future__ import annotations

import contextlib
import socket
import weakref
from collections.abc import Callable
from typing import Any

from labkit import kernel
from labkit.lab.engine import Engine
from labkit.lab.lab import Lab, number_of_bytes
from labkit.record.watched import Sizes
from labkit.tape.tape import LIMIT
from labkit.watching import asyncore as dispatchers
from labkit.watching.asyncore import Watcher
from labkit.watching.dispatchers import dispatcher_buffers, dispatcher_sizes

POLLS = {"select": "poll", "poll": "poll2"}  # asyncore's names for its waits


class AsyncoreLab(Lab):
    """A Lab on the dispatchers that `serve()` makes, in a map of the lab's own.

    `module` is asyncore. `serve` is called once, in the loop's thread, and returns the dispatcher that
    listens; let it bind port 0 of 127.0.0.1. `selector` is "select" for asyncore.poll() or "poll" for
    poll2(). `buffers` sets SO_SNDBUF and SO_RCVBUF of both ends in bytes. While the lab runs, a wait takes at
    most the 30 s of asyncore.loop(). While no fd is left, a listener with connections that wait is not asked
    about, unless `pause_on_emfile` is False: then the loop spins (accept(2), EMFILE), if asyncore's
    handle_error() has not closed the listener.

    The listening dispatcher's attribute `framing` says how messages are framed, as a Lab's handler does.

    Raises what `serve` raises, TypeError if it returns no dispatcher that listens, and RuntimeError from a
    step once no dispatcher is left: there asyncore.loop() would return.
    """

    def __init__(
        self,
        module: Any,
        serve: Callable[[], Any],
        *,
        selector: str = "select",
        buffers: int | None = None,
        limit: int = LIMIT,
        pause_on_emfile: bool = True,
    ) -> None:
        if not dispatchers.is_asyncore(module) or not callable(serve):
            raise TypeError(
                f"AsyncoreLab({module!r}, {serve!r}) needs the module asyncore and a function that makes a "
                'server: AsyncoreLab(asyncore, lambda: RPCServer("127.0.0.1", 0))'
            )
        if selector not in POLLS:
            raise ValueError(f"asyncore has no selector {selector!r}; it has {' and '.join(POLLS)}")
        buffers = number_of_bytes(buffers)
        self._serve, self._once = serve, None
        self._start(
            lambda: _AsyncoreEngine(module, selector, buffers, limit, pause_on_emfile=pause_on_emfile)
        )

    def _begin(self) -> None:
        super()._begin()
        try:
            self._engine.ask(lambda engine: engine.serve(self._serve))
        except BaseException:
            self._close()
            raise

    @property
    def server(self) -> Any:
        """The dispatcher that listens."""
        engine: Any = self._engine
        return engine.server


class AsyncoreLoop:
    """asyncore.poll() or poll2() on one map, as a loop: run_once() and channels."""

    def __init__(self, module: Any, selector: str) -> None:
        self.map: dict[int, Any] = {}
        self.hidden: Any = None  # the wakeup socket
        self.resting: Any = None  # the listener that is not asked about until there is an fd for it
        self._poll = getattr(module, POLLS[selector])

    def run_once(self, timeout: float | None = None) -> None:
        """One iteration: what asyncore.loop() does once."""
        if not self.map:
            raise RuntimeError("no dispatcher is left in the lab's map; asyncore.loop() would return here")
        self._poll(timeout, self.map)

    def rest(self, listener: Any) -> None:
        """Ask no more about a listener: its readable() says so, whatever its class does."""
        self.resting, listener.readable = listener, lambda: False

    def wake_listener(self) -> None:
        """Ask about it again, if there is an fd for whom it accepts."""
        if self.resting is not None and kernel.an_fd_is_free():
            del self.resting.readable
            self.resting = None

    @property
    def channels(self) -> set[Any]:
        return {each for each in tuple(self.map.values()) if each is not self.hidden}


class _AsyncoreEngine(Engine):
    sizes: Callable[[Any], Sizes] = staticmethod(dispatcher_sizes)
    buffers_of: Callable[[Any], tuple[Any, Any]] = staticmethod(dispatcher_buffers)
    patience = 30.0  # as asyncore.loop() waits
    calls_handlers = ("read", "write", "_exception", "readwrite")
    handled_as = "obj"
    server: Any = None

    def _build(self, handler: Any, selector: Any) -> None:
        self.module = handler
        self.tape.about |= {"selector": selector, "loop": handler.__name__}
        self.loop = AsyncoreLoop(handler, selector)
        self._known: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._watcher = Watcher(self.recorder, self.loop.map)
        self._patch = dispatchers.enter(handler, self._watcher)

    def _once(self, timeout: float | None) -> None:
        super()._once(timeout)
        fd = getattr(self.server, "_fileno", None)
        if fd is None or not self.pause_on_emfile or self._resting() or fd not in self.loop.map:
            return
        if kernel.waiting(fd) and not kernel.an_fd_is_free():
            self.loop.rest(self.server)
            self.recorder.error(fd, "no fd is left. The listener is not asked about until one is free")

    def serve(self, make: Callable[[], Any]) -> None:
        """Make the server, in the loop's thread, where its dispatchers join the lab's map."""
        self._patch.follows(self._watcher)
        self.server = server = make()
        if not isinstance(server, self.module.dispatcher) or not server.accepting:
            raise TypeError(
                f"the function returned {server!r}; it should return the dispatcher that listens, such as "
                'RPCServer("127.0.0.1", 0) after its self.listen(…)'
            )
        self.tape.about |= {"framing": server.framing} if hasattr(server, "framing") else {}
        self.listener = server.socket
        self.address = server.socket.getsockname()
        if self.buffers:  # an accepted socket inherits them (tcp(7)); nobody has connected yet
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffers)
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.buffers)

    def _watch_wakeup(self, wakeup: socket.socket) -> Callable[[], None]:
        class Waker(self.module.dispatcher):  # type: ignore[name-defined, misc]
            def handle_read(self) -> None:
                self.recv(64)

            def writable(self) -> bool:
                return False

        self.loop.hidden = waker = Waker(wakeup, self.loop.map)

        def unwatch() -> None:
            waker.close()
            self.loop.hidden = None

        return unwatch

    def _close_sockets(self) -> None:
        for dispatcher in tuple(self.loop.map.values()):
            with contextlib.suppress(Exception):  # a close() of the reader's own may raise anything
                dispatcher.close()
            with contextlib.suppress(OSError, AttributeError):
                dispatcher.socket.close()
        self.loop.map.clear()
        if self.server is not None and getattr(self.server, "socket", None) is not None:
            self.server.socket.close()
        self._patch.leave(self._watcher)

    def port_of(self, channel: Any) -> int | None:
        sock = getattr(channel, "socket", None)
        if sock is None or sock is self.listener or channel is self.loop.hidden:
            return None
        try:
            known = self._known.get(channel)
            if known is None:
                known = self._known[channel] = sock.getpeername()[1]
        except (OSError, TypeError, IndexError):  # it is connected no more, or to something else
            return None
        return known
