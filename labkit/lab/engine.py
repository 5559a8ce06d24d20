"""What a Lab's own thread works on: the recorded loop, its listener, its peers, and the orders it is given.

It holds no reference to its Lab, so that a Lab that is forgotten is freed, and takes all of this with it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from labkit import kernel
from labkit.lab.accounts import Counter
from labkit.lab.beginning import Beginning
from labkit.lab.connections import Connections
from labkit.lab.crowd import Crowd
from labkit.lab.forks import leave_child
from labkit.lab.interrupts import Uninterrupted
from labkit.lab.peer import Peer
from labkit.lab.recorded_loop import BACKLOG, RecordedLoop, Waker, listen, raised_by
from labkit.loop import Channel, Listener
from labkit.record.recorder import Recorder
from labkit.record.selectors import BusySelector, RecordingSelector, named
from labkit.record.watched import Far, Sizes, channel_buffers, channel_sizes
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape
from labkit.tape.turn import Now

log = logging.getLogger("labkit")

ANSWER_WITHIN = 10.0  # seconds that an order may take on top of what it asks for
SLEEP_AT_MOST = 60.0  # seconds of one step(timeout=…)
BUSY_BUDGET = 5.0  # seconds after which a busy loop that runs is paused
TRY_AGAIN = 0.1  # seconds after which a listener that rests for want of fds is looked at again


class Engine:
    """What the loop's thread works on."""

    loop: Any  # what has run_once(timeout) and channels: our Loop, or another that is hosted
    address: tuple[str, int]
    sizes: Callable[[Any], Sizes] = staticmethod(channel_sizes)
    buffers_of: Callable[[Any], tuple[Any, Any]] = staticmethod(channel_buffers)
    patience: float | None = None  # seconds that one wait of a running loop may take
    calls_handlers: tuple[str, ...] = ("run_once",)  # the functions of the loop that call handlers
    handled_as = "channel"  # and what they call the one that they handle
    budget: float | None = None  # seconds that it may run

    def __init__(
        self, handler: Any, selector: Any, buffers: int | None, limit: int, *,
        listener: type[Listener] = Listener, pause_on_emfile: bool = True,
    ) -> None:  # fmt: skip
        self.tape = Tape(limit)
        self.buffers = buffers
        self.pause_on_emfile = pause_on_emfile
        self.peers: dict[str, Peer] = {}
        self.beginning = Beginning()
        self.crowds: list[Crowd] = []
        self.connections = Connections()
        self._numbered = 0  # how many peers got a name that is a number
        self.listener: socket.socket | None = None
        self._counter = Counter()
        self.recorder = Recorder(
            self.tape,
            sizes=self.sizes,
            describe=self._describe,
            count=self._count,
            buffers=self.buffers_of,
            far=self._far,
        )
        self.tape.ask_now = self._now
        self._makes_listener = listener
        self._build(handler, selector)
        self._process = os.getpid()
        self._orders: queue.SimpleQueue[tuple[Future[Any], Callable[[Any], Any]] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._closing = False
        self._run: Future[Any] | None = None
        self._wakeup: socket.socket | None = None
        self.thread = threading.Thread(target=self._serve, name="labkit loop", daemon=True)
        try:
            self.thread.start()
        except BaseException:  # there are threads enough
            self._close_sockets()
            raise

    def _build(self, handler: Any, selector: Any) -> None:
        """Make the loop and its listener."""
        self.tape.about["selector"], inner = named(selector)
        if inner.get_map() is None or inner.get_map():
            state = "watches fds already" if inner.get_map() else "is closed"
            raise ValueError(f"this {type(inner).__name__} {state}: make a new one for each lab")
        self.tape.about |= {"framing": handler.framing} if hasattr(handler, "framing") else {}
        self.budget = BUSY_BUDGET if isinstance(inner, BusySelector) else None
        self.loop = RecordedLoop(RecordingSelector(inner, recorder=self.recorder))
        self.loop.recorder, self.loop.may_rest = self.recorder, self.pause_on_emfile
        try:
            self.listener = listen(self.recorder, self.buffers)
            self.address = self.listener.getsockname()
            self._makes_listener(self.loop, self.listener, handler)
        except BaseException:
            self._close_sockets()
            raise

    def make_room(self, size: int) -> None:
        """Let `size` connections wait to be accepted, as far as the kernel lets them (listen(2))."""
        if self.listener is not None:
            self.listener.listen(max(BACKLOG, size))

    # ---- the loop's thread ---------------------------------------------------------------------------

    def _serve(self) -> None:
        while (order := self._orders.get()) is not None:
            future, work = order
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work(self))
                except BaseException as error:
                    if os.getpid() != self._process:
                        leave_child(error)
                    future.set_exception(error)
            if os.getpid() != self._process:
                leave_child(None)
            del order, future, work

    def _step(self, n: int, timeout: float, enough: threading.Event) -> Iteration:
        self.recorder.look_closely(True)
        with self._wakeable() if timeout else contextlib.nullcontext():
            for _ in range(n):
                self._once(0.0 if enough.is_set() or self._closing else timeout)
                self.recorder.finish()
                if enough.is_set() or self._closing:
                    break
        return self.tape[-1]

    def _go(self) -> None:
        with self._wakeable():
            self.recorder.look_closely(False)
            until = time.monotonic() + self.budget if self.budget else None
            try:
                while not self._stop.is_set() and (until is None or time.monotonic() < until):
                    self._once(self._patience())
            finally:
                self.recorder.finish()

    def _once(self, timeout: float | None) -> None:
        """One iteration. What a handler raised that no loop catches is on the tape too, before it goes on."""
        if self._resting():
            self.loop.wake_listener()
        try:
            self.loop.run_once(timeout)
        except BaseException as error:
            channel = raised_by(error, self.calls_handlers, self.handled_as)
            if channel is not None:
                fd = self.recorder.sockets.fd_of(getattr(channel, "socket", None))
                self.recorder.error(fd, f"{type(error).__name__}: {error}")
                if isinstance(channel, Channel):  # it is lost, as after any other error
                    with contextlib.suppress(Exception):
                        channel.handle_error()
            self.recorder.finish()
            raise

    def _resting(self) -> bool:
        return getattr(self.loop, "resting", None) is not None

    def _patience(self) -> float | None:
        return TRY_AGAIN if self._resting() else self.patience

    @contextlib.contextmanager
    def _wakeable(self) -> Iterator[None]:
        """While the loop may sleep, it waits for a socket of the lab's own as well, which ends the sleep."""
        with kernel.naming_the_fd_limit():
            inside, self._wakeup = socket.socketpair()
        with self._wakeup, inside:  # closed in any case: the lab may be closed while a handler is at work
            unwatch = self._watch_wakeup(inside)
            try:
                yield
            finally:
                unwatch()

    def _watch_wakeup(self, wakeup: socket.socket) -> Callable[[], None]:
        """Let the loop wait for `wakeup` too; what is returned ends that."""
        return Waker(self.loop, wakeup).abort

    # ---- the reader's thread -------------------------------------------------------------------------

    def order(self, work: Callable[[Any], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self._orders.put((future, work))
        return future

    def ask(self, work: Callable[[Any], Any], patience: float = 0.0) -> Any:
        """Have `work` done in the loop's thread; its answer. Waits as long as there are new iterations.

        TimeoutError if for ANSWER_WITHIN + `patience` seconds there is none.
        """
        future = self.order(work)
        try:
            while True:
                before = self._turns
                try:
                    return future.result(patience + ANSWER_WITHIN)
                except TimeoutError:
                    if future.done():
                        raise
                    if before == self._turns:
                        break
        finally:
            future.cancel()  # what has not begun never will
        where = kernel.blocked_in(self.thread)
        raise TimeoutError(
            f"the loop has not answered for {patience + ANSWER_WITHIN:g} s"
            + (f"; it sleeps in {where}" if where else "")
            + ". It is busy with a handler that has not returned, or with the sleep of an earlier step. "
            "Try again when that is over, or close the lab."
        ) from None

    def step(self, n: int, timeout: float) -> Iteration:
        """`n` iterations; no more of them once this is interrupted."""
        self.beginning.over = True
        enough = threading.Event()
        try:
            turn: Iteration = self.ask(lambda engine: engine._step(n, timeout, enough), timeout)
        finally:
            enough.set()
            self._wake()
        return turn

    @property
    def _turns(self) -> int:
        return self.tape.dropped + len(self.tape)

    def not_in_a_handler(self) -> None:
        """RuntimeError in the loop's own thread, where an order would wait for itself."""
        if threading.current_thread() is self.thread:
            raise RuntimeError(
                "a handler cannot step its own lab, or wait for it: it is part of an iteration itself"
            )

    @property
    def running(self) -> bool:
        return self._run is not None and not self._run.done()

    def start(self) -> None:
        self.beginning.over = True
        with Uninterrupted():
            self._stop.clear()
            self._run = self.order(lambda engine: engine._go())

    def wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            if self._run is not None:
                self._run.exception(seconds)

    def pause(self) -> None:
        if threading.current_thread() is self.thread:  # a handler's wish: this iteration is the last
            self._stop.set()
            return
        run = self._run
        if run is None:
            return
        self._stop.set()
        self._wake()
        try:
            run.result(ANSWER_WITHIN)
        except TimeoutError:
            if run.done():
                raise
            where = kernel.blocked_in(self.thread)
            raise TimeoutError(
                f"a handler has not returned for {ANSWER_WITHIN:g} s"
                + (f"; it sleeps in {where}" if where else "")
                + ". The lab pauses when it does."
            ) from None
        finally:  # an interrupted pause() is made again by the next order
            if run.done():
                self._run = None

    def _wake(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            self._wakeup.send(b"!")  # type: ignore[union-attr]

    def connect(self, name: str | None) -> Peer:
        while name is None:
            self._numbered += 1
            name = f"peer {self._numbered}" if f"peer {self._numbered}" not in self.peers else None
        if name in self.peers:
            self.peers[name].close()
        peer = Peer(self.address, name, buffers=self.buffers, on_action=self._poked)
        self.peers[name] = peer
        return peer

    def connect_again(self, peer: Peer) -> None:
        """Let a peer of an earlier engine be one of this, as a new client."""
        self.peers[peer.name] = peer
        peer.connect(self.address, self._poked)

    def _poked(self, peer: Peer, action: str, asked: int | None, result: int | None, errno: int) -> None:
        self.beginning.note(peer, action)
        if action == "connect":
            connection = self.connections.connected(peer)
        else:
            connection = self.connections.at(peer.address[1])  # type: ignore[assignment]
        fd = connection.fd if connection is not None and connection.peer is peer else None
        self.recorder.poke((peer.name, action, asked, result, errno), fd)
        if not peer.open and self.peers.get(peer.name) is peer:
            del self.peers[peer.name]

    def shut_down(self) -> None:
        """End the thread and close everything; from any thread, once. An interrupt is raised after that."""
        if os.getpid() != self._process:  # a fork shares the sockets: they are its parent's to close
            return
        with Uninterrupted() as interrupt, contextlib.ExitStack() as rest:
            self._closing = True
            self.tape.ask_now = None
            self._stop.set()
            self._wake()
            self._orders.put(None)
            rest.callback(self._close_sockets)
            rest.callback(self._join, interrupt.wanted)
            far_ends: list[Peer | Crowd] = [*self.peers.values(), *self.crowds]
            for each in far_ends:
                rest.callback(each.close)
            self.crowds.clear()

    def _join(self, enough: threading.Event) -> None:
        """Wait for the thread; not longer than the reader does."""
        if threading.current_thread() is self.thread:
            return
        until = time.monotonic() + ANSWER_WITHIN
        while self.thread.is_alive() and time.monotonic() < until and not enough.is_set():
            self.thread.join(0.05)
        if self.thread.is_alive():
            log.warning("a handler has not returned; its lab is closed, but its thread goes on")

    def _close_sockets(self) -> None:
        for channel in tuple(self.loop.channels):
            with contextlib.suppress(Exception):  # an abort() of the reader's own may raise anything
                channel.abort()
            with contextlib.suppress(OSError, AttributeError):
                channel.socket.close()
        if self.listener is not None:
            self.listener.close()
        self.loop.selector.close()

    # ---- what the recorder asks ----------------------------------------------------------------------

    def port_of(self, channel: Any) -> int | None:
        """The peer's port; None for the listener and the waker."""
        return channel.addr[1] if channel.addr and not isinstance(channel, Listener) else None

    def name_of(self, channel: Any) -> str:
        given: str | None = getattr(channel, "name", None)
        if given is not None:
            return given
        port = self.port_of(channel)
        if port is None:
            return "listener" if channel.socket is self.listener else "waker"
        connection = self.connections.at(port)
        return f"port {port}" if connection is None else connection.name

    def introduce(self, port: int, name: str) -> None:
        """Call the client that will connect from `port` by this name, though it is no peer of the lab's."""
        self.connections.introduce(port, name)

    def _describe(self, fd: int, channel: Any) -> tuple[str, tuple[int | None, ...] | None]:
        port = self.port_of(channel)
        if port is None:
            return self.name_of(channel), None
        connection = self.connections.accepted(port, fd, channel.socket)
        received, sent = kernel.capacity(channel.socket)
        peer = connection.peer
        unread, unsent = kernel.capacity(peer.socket) if peer is not None and peer.open else (None, None)
        return self.name_of(channel), (received, sent, unsent, unread)

    def _far(self, fd: int, channel: Any) -> Far:
        """The bytes of a connection that are unsent, and unread, at its peer."""
        connection = self.connections.at(self.port_of(channel))
        peer = connection.peer if connection is not None else None
        return (None, None, None) if peer is None else peer.contents()

    def _now(self) -> Now | None:
        """What the kernel holds now; None while the loop runs, and in its own thread, where it is at work."""
        if self.running or self._closing or threading.current_thread() is self.thread:
            return None
        return self.recorder.now()

    def _count(self, fd: int, channel: Any, received: int, sent: int) -> tuple[Sizes, tuple[Any, ...] | None]:
        """The kernel's queues of `fd` and the Account of its connection, taken together."""
        connection = self.connections.at(self.port_of(channel))
        peer = connection.peer if connection is not None else None
        return self._counter.count(channel.socket, peer, received, sent, patient=self.recorder.closely)
