"""A Lab: a recorded loop in a thread of its own, its listener, the peers that poke it, and their tape.

The reader's thread gives orders (step, run, pause) and the loop's thread carries them out, one at a time.
Nothing outlives the Lab: no fd, thread, process or port.
"""

from __future__ import annotations

import contextlib
import queue
import selectors
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self

from labkit import kernel
from labkit.iteration import Account, Iteration
from labkit.loop import Channel, Listener, Loop
from labkit.peers import Crowd, Peer
from labkit.recording import Recorder, Sizes, channel_sizes
from labkit.selecting import BusySelector, RecordingSelector, named
from labkit.tape import LIMIT, Tape

HOST = "127.0.0.1"
ANSWER_WITHIN = 10.0  # seconds that an order may take on top of what it asks for
SLEEP_AT_MOST = 60.0  # seconds of one step(timeout=…)
BUSY_BUDGET = 5.0  # seconds after which a busy loop that runs is paused
SETTLE_WITHIN = 1.0  # seconds that stepping gives the kernel to deliver what is under way


class Lab:
    """A loop on real sockets that can be stepped, run, paused, poked and looked at.

    `handler` is a Channel subclass, one object a connection. `selector` is "busy", "select", "poll", "epoll",
    "kqueue", or any selectors.BaseSelector. `buffers` sets SO_SNDBUF and SO_RCVBUF of both ends in bytes (the
    kernel doubles them); None leaves them large. `limit` bounds the tape in bytes.

    A lab starts stopped. In a notebook, running a cell again closes the labs that the cell made before.
    """

    def __init__(
        self,
        handler: type[Channel],
        *,
        selector: str | selectors.BaseSelector = "select",
        buffers: int | None = None,
        limit: int = LIMIT,
    ) -> None:
        if not (isinstance(handler, type) and issubclass(handler, Channel)):
            raise TypeError(f"Lab({handler!r}) needs a class: class Echo(Channel): def handle_read(self): …")
        if buffers is not None and buffers < 1:
            raise ValueError(f"buffers={buffers}: give a number of bytes such as 4096, or leave it out")
        self._start(lambda: Engine(handler, selector, buffers, limit))

    def _start(self, engine: Callable[[], Engine]) -> None:
        _close_labs_of_this_cell()
        self._cell = _current_cell()
        self._engine = engine()
        self._close = weakref.finalize(self, self._engine.shut_down)
        self._views: list[weakref.ref[Any]] = []
        _labs.add(self)

    # ---- what a reader looks at ----------------------------------------------------------------------

    @property
    def tape(self) -> Tape:
        return self._engine.tape

    @property
    def loop(self) -> Loop:
        return self._engine.loop

    @property
    def peers(self) -> dict[str, Peer]:
        """The peers that are open, by name."""
        return {name: peer for name, peer in self._engine.peers.items() if peer.open}

    @property
    def channels(self) -> dict[str, Channel]:
        """The loop's own ends of its connections, by the name of the peer."""
        ends = [each for each in list(self.loop.channels) if not isinstance(each, Listener | _Waker)]
        return {self._engine.name_of(each): each for each in ends}

    @property
    def address(self) -> tuple[str, int]:
        """Where the lab listens, for clients that are not its peers."""
        return self._engine.address

    @property
    def thread(self) -> threading.Thread:
        """The loop's own thread."""
        return self._engine.thread

    @property
    def running(self) -> bool:
        return self._engine.running

    @property
    def closed(self) -> bool:
        return not self._close.alive

    def live(self, *panels: Any, **options: Any) -> Any:
        """The figure with its controls, following this lab; see LiveFigure for the options."""
        import labkit  # the front door: figures are loaded on first use, from the floor above

        figure = labkit.LiveFigure(self, *panels, **options)
        self._views.append(weakref.ref(figure))
        return figure

    # ---- orders --------------------------------------------------------------------------------------

    def step(self, n: int = 1, *, timeout: float = 0.0) -> Iteration:
        """Run exactly `n` iterations in the loop's thread; returns the last. A running lab is paused first.

        Each waits at most `timeout` seconds, 0 to 60; by default a step never sleeps. Raises what the wait
        itself raised; what a handler raised is on the tape.
        """
        if n < 1:
            raise ValueError(f"step({n}): give the number of iterations, 1 or more")
        if timeout is None or not 0 <= timeout <= SLEEP_AT_MOST:
            raise ValueError(f"timeout={timeout}: a step sleeps 0 to {SLEEP_AT_MOST:g} s; run() has no limit")
        self._must_be_open()
        self.pause()
        turn: Iteration = self._engine.order(lambda engine: engine.step(n, timeout)).result(
            n * timeout + ANSWER_WITHIN
        )
        return turn

    def run(self, seconds: float | None = None) -> Self:
        """Let the loop go as it really does, asleep until something happens. Returns at once.

        With `seconds`, returns after that time with the lab paused again. A loop on a BusySelector is paused
        after 5 s in any case. Raises nothing while it runs; `pause` does.
        """
        self._must_be_open()
        if not self.running:
            self._engine.start()
        if seconds is not None:
            try:
                self._engine.wait(seconds)
            finally:
                self.pause()
        return self

    def pause(self) -> Self:
        """Stop after the iteration that is under way; wakes the loop if it sleeps. No-op when stopped.

        Raises what ended the run, if that was an error, and TimeoutError if a handler does not return.
        """
        self._engine.pause()
        return self

    def connect(self, name: str | None = None) -> Peer:
        """A new TCP client of this lab, driven by hand. An open peer of the same name is closed first.

        It stands in the listener's backlog until the loop accepts it.
        """
        self._must_be_open()
        return self._engine.connect(name)

    def crowd(self, size: int) -> Crowd:
        """`size` idle clients in a process of their own, all accepted. The lab runs while they connect."""
        self._must_be_open()
        was_running = self.running
        self.run()
        crowd = Crowd(self.address, size)
        self._engine.crowds.append(crowd)
        crowd.ready()
        if not was_running:
            self.pause()
            while self.step().ready:  # the backlog may still hold the last of them
                pass
        return crowd

    def close(self) -> None:
        """Stop the loop and close everything that belongs to it; the tape stays readable."""
        for view in self._views:
            figure = view()
            if figure is not None:
                figure.close()
        self._views.clear()
        self._close()

    def _must_be_open(self) -> None:
        if self.closed:
            raise RuntimeError("this lab is closed; run the cell that makes it again")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "running" if self.running else "stopped"
        kind = self.tape.about["selector"]
        return f"<Lab on {kind}, {state}: {len(self.tape):,} iterations, {len(self.loop.channels)} channels>"


class _RecordedLoop(Loop):
    """A Loop whose handlers' errors go on the tape."""

    recorder: Recorder

    def on_error(self, channel: Channel, error: Exception) -> None:
        self.recorder.error(channel.socket.fileno(), f"{type(error).__name__}: {error}")


class _Waker(Channel):
    """The lab's own doorbell: a socket pair in the interest set while the loop runs, to end its sleep."""

    def handle_read(self) -> None:
        self.recv(64)


class Engine:
    """What the loop's thread works on. It holds no reference to its Lab, so that a forgotten Lab is freed."""

    loop: Any  # what has run_once(timeout) and channels: our Loop, or another that is hosted
    address: tuple[str, int]
    sizes: Callable[[Any], Sizes] = staticmethod(channel_sizes)
    patience: float | None = None  # seconds that one wait of a running loop may take
    budget: float | None = None  # seconds that it may run

    def __init__(self, handler: Any, selector: Any, buffers: int | None, limit: int) -> None:
        self.tape = Tape(limit)
        self.buffers = buffers
        self.peers: dict[str, Peer] = {}
        self.crowds: list[Crowd] = []
        self._ports: dict[int, Peer] = {}
        self._fds: dict[int, int] = {}  # a peer's port → the loop's fd
        self._strangers: dict[int, str] = {}
        self._listener: socket.socket | None = None
        self._kernel_in, self._kernel_out = kernel.queue_readers()
        self.recorder = Recorder(self.tape, sizes=self.sizes, describe=self._describe, count=self._count)
        self._build(handler, selector)
        self._orders: queue.SimpleQueue[tuple[Future[Any], Callable[[Any], Any]] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._run: Future[Any] | None = None
        self._bell: socket.socket | None = None
        self.thread = threading.Thread(target=self._serve, name="labkit loop", daemon=True)
        self.thread.start()

    def _build(self, handler: Any, selector: Any) -> None:
        """Make the loop and its listener."""
        self.tape.about["selector"], inner = named(selector)
        self.budget = BUSY_BUDGET if isinstance(inner, BusySelector) else None
        self.loop = _RecordedLoop(RecordingSelector(inner, recorder=self.recorder))
        self.loop.recorder = self.recorder
        try:
            self._listener = self._listen()
            self.address = self._listener.getsockname()
            Listener(self.loop, self._listener, handler)
        except BaseException:
            self._close_sockets()
            raise

    def _listen(self) -> socket.socket:
        listener = self.recorder.socket(socket.AF_INET, socket.SOCK_STREAM)
        if self.buffers:  # before listen: an accepted socket inherits them (tcp(7))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffers)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.buffers)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((HOST, 0))
        listener.listen(128)
        return listener

    # ---- the loop's thread ---------------------------------------------------------------------------

    def _serve(self) -> None:
        while (order := self._orders.get()) is not None:
            future, work = order
            try:
                future.set_result(work(self))
            except BaseException as error:
                future.set_exception(error)
            del order, future, work

    def step(self, n: int, timeout: float) -> Iteration:
        self.recorder.closely = True
        for _ in range(n):
            self.loop.run_once(timeout)
            self.recorder.finish()
        return self.tape[-1]

    def _go(self) -> None:
        inside, self._bell = socket.socketpair()
        silence = self._hang(inside)
        self.recorder.closely = False
        until = time.monotonic() + self.budget if self.budget else None
        try:
            while not self._stop.is_set() and (until is None or time.monotonic() < until):
                self.loop.run_once(self.patience)
        finally:
            silence()
            self.recorder.finish()
            self._bell.close()

    def _hang(self, bell: socket.socket) -> Callable[[], None]:
        """Let the loop wait for `bell` as well; what is returned ends that."""
        return _Waker(self.loop, bell).abort

    # ---- the reader's thread -------------------------------------------------------------------------

    def order(self, work: Callable[[Any], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self._orders.put((future, work))
        return future

    @property
    def running(self) -> bool:
        return self._run is not None and not self._run.done()

    def start(self) -> None:
        self._stop.clear()
        self._run = self.order(lambda engine: engine._go())

    def wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            if self._run is not None:
                self._run.exception(seconds)

    def pause(self) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        self._stop.set()
        self._ring()
        try:
            run.result(ANSWER_WITHIN)
        except TimeoutError:
            if run.done():
                raise
            self._run = run
            where = kernel.blocked_in(self.thread)
            raise TimeoutError(
                f"a handler has not returned for {ANSWER_WITHIN:g} s"
                + (f"; it sleeps in {where}" if where else "")
                + ". The lab pauses when it does."
            ) from None

    def _ring(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            self._bell.send(b"!")  # type: ignore[union-attr]

    def connect(self, name: str | None) -> Peer:
        if name is None:
            name = next(f"peer {n}" for n in range(1, 10**6) if f"peer {n}" not in self.peers)
        if name in self.peers:
            self.peers[name].close()
        peer = Peer(self.address, name, buffers=self.buffers, on_action=self._poked)
        self.peers[name] = peer
        return peer

    def _poked(self, peer: Peer, action: str, asked: int | None, result: int | None, errno: int) -> None:
        if action == "connect":
            self._ports[peer.address[1]] = peer
        self.recorder.poke((peer.name, action, asked, result, errno), self._fds.get(peer.address[1]))

    def shut_down(self) -> None:
        """End the thread and close everything; from any thread, once."""
        self._stop.set()
        self._ring()
        self._orders.put(None)
        self._interrupt()
        for crowd in self.crowds:
            crowd.close()
        for peer in self.peers.values():
            peer.close()
        if threading.current_thread() is not self.thread:
            self.thread.join(SLEEP_AT_MOST)
        self._close_sockets()

    def _interrupt(self) -> None:
        """End the sleep of a step."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._listener, socket.SHUT_RDWR)

    def _close_sockets(self) -> None:
        for channel in tuple(self.loop.channels):
            channel.abort()
        if self._listener is not None:
            self._listener.close()
        self.loop.selector.close()

    # ---- what the recorder asks ----------------------------------------------------------------------

    def port_of(self, channel: Any) -> int | None:
        """The peer's port; None for the listener and the waker."""
        return channel.addr[1] if channel.addr and not isinstance(channel, Listener) else None

    def name_of(self, channel: Any) -> str:
        port = self.port_of(channel)
        if port is None:
            return "listener" if channel.socket is self._listener else "waker"
        if port in self._ports:
            return self._ports[port].name
        return self._strangers.setdefault(port, f"client {len(self._strangers) + 1}")

    def _queues(self, fd: int) -> Sizes:
        return self._kernel_in(fd), self._kernel_out(fd)

    def _describe(self, fd: int, channel: Any) -> tuple[str, tuple[int | None, ...] | None]:
        name, port = self.name_of(channel), self.port_of(channel)
        if port is None:
            return name, None
        self._fds[port] = fd
        received, sent = kernel.capacity(channel.socket)
        peer = self._ports.get(port)
        unread, unsent = kernel.capacity(peer.socket) if peer is not None and peer.open else (None, None)
        return name, (received, sent, unsent, unread)

    def _count(self, fd: int, channel: Any, received: int, sent: int) -> tuple[Sizes, tuple[Any, ...] | None]:
        """The kernel's queues of `fd` and the Account of its connection, taken together."""
        port = self.port_of(channel)
        peer = None if port is None else self._ports.get(port)
        if peer is None:
            return self._queues(fd), None
        deadline = time.monotonic() + (SETTLE_WITHIN if self.recorder.closely else 0.0)
        while True:
            before = peer.busy
            far, near = peer.queues(), self._queues(fd)
            unread, unsent = far or (0, 0)
            moving = before != peer.busy or bool(before & 1)
            account = Account(
                peer.sent, unsent, received, sent, unread, peer.received, far is not None, moving
            )
            short = far is not None and not moving and not _adds_up(account, near)
            if not short:
                return near, tuple(account)
            if time.monotonic() >= deadline:
                # Nobody acted, and still it does not add up: a segment is under way inside the kernel.
                return near, tuple(account._replace(moving=not self.recorder.closely))
            time.sleep(0.001)


def _adds_up(account: Account, near: tuple[int | None, int | None]) -> bool:
    kernel_in, kernel_out = near
    if kernel_in is None or kernel_out is None:
        return True
    return (
        account.peer_sent - account.received == kernel_in + account.peer_unsent
        and account.sent - account.peer_received == account.peer_unread + kernel_out
    )


# ---- one lab a cell ------------------------------------------------------------------------------------

_labs: weakref.WeakSet[Lab] = weakref.WeakSet()


def _current_cell() -> tuple[str, int] | None:
    """(cell id, execution count) of the notebook cell that runs now; None outside JupyterLab."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "get_parent"):
        return None
    cell = shell.get_parent().get("metadata", {}).get("cellId")
    return (cell, shell.execution_count) if cell else None


def _close_labs_of_this_cell() -> None:
    here = _current_cell()
    if here is not None:
        for lab in list(_labs):
            if lab._cell is not None and lab._cell[0] == here[0] and lab._cell[1] != here[1]:
                lab.close()


def close_all() -> None:
    """Close every Lab that is open in this process."""
    for lab in list(_labs):
        lab.close()
