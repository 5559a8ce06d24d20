"""A Lab: a recorded loop in a thread of its own, its listener, the peers that poke it, and their tape.

The reader's thread gives orders (step, run, pause) and the loop's thread carries them out, one at a time.
Nothing outlives the Lab: no fd, thread, process or port.
"""

from __future__ import annotations

import selectors
import threading
import time
import weakref
from collections.abc import Callable
from operator import index
from typing import Any, Self, TypeVar

import labkit.lab.cells as cells
from labkit import kernel
from labkit.lab.crowd import Crowd
from labkit.lab.engine import SLEEP_AT_MOST, Engine
from labkit.lab.interrupts import Uninterrupted
from labkit.lab.peer import Peer
from labkit.lab.recorded_loop import Waker
from labkit.loop import Channel, Listener, Loop
from labkit.tape.iteration import Iteration
from labkit.tape.tape import LIMIT, Tape

T = TypeVar("T")


class Lab:
    """A loop on real sockets that can be stepped, run, paused, poked and looked at.

    `handler` is a Channel subclass, one object a connection; `listener` a Listener subclass, which accepts
    them. `selector` is "busy", "select", "poll", "epoll", "kqueue", or any selectors.BaseSelector.
    `buffers` sets SO_SNDBUF and SO_RCVBUF of both ends in bytes (the kernel doubles them); None leaves them
    large. `limit` bounds the tape in bytes. A listener that finds no free fd for a connection is not asked
    about until there is one, unless `pause_on_emfile` is False: then the loop spins (accept(2), EMFILE).

    A handler's class attribute `framing` lets a figure draw where messages end: "lines", or "length 4" for a
    size of 1, 2, 4 or 8 bytes before each, big-endian, or little-endian in "length 4 little".

    A lab starts stopped. In a notebook, running a cell again closes the labs that the cell made before.
    """

    def __init__(
        self,
        handler: type[Channel],
        *,
        selector: str | selectors.BaseSelector = "select",
        buffers: int | None = None,
        limit: int = LIMIT,
        listener: type[Listener] = Listener,
        pause_on_emfile: bool = True,
    ) -> None:
        if not (isinstance(listener, type) and issubclass(listener, Listener)):
            raise TypeError(f"Lab(…, listener={listener!r}) needs a class: class Mine(Listener): …")
        if not (isinstance(handler, type) and issubclass(handler, Channel)):
            raise TypeError(f"Lab({handler!r}) needs a class: class Echo(Channel): def handle_read(self): …")
        buffers = number_of_bytes(buffers)
        self._once = None if isinstance(selector, str) else "it was given a selector of its own"
        self._start(
            lambda: Engine(
                handler, selector, buffers, limit, listener=listener, pause_on_emfile=pause_on_emfile
            )
        )

    def _start(self, make: Callable[[], Engine]) -> None:
        cells.close_earlier()
        self._views: list[weakref.ref[Any]] = []
        self._make = make
        self._begin()
        cells.add(self)

    def _begin(self) -> None:
        """Make an engine, and let it take the place of the one before."""
        with Uninterrupted():
            self._engine = self._make()
            self._close = weakref.finalize(self, self._engine.shut_down)

    # ---- what a reader looks at ----------------------------------------------------------------------

    @property
    def tape(self) -> Tape:
        return self._engine.tape

    @property
    def loop(self) -> Loop:
        loop: Loop = self._engine.loop
        return loop

    @property
    def peers(self) -> dict[str, Peer]:
        """The peers that are open, by name."""
        return {name: peer for name, peer in list(self._engine.peers.items()) if peer.open}

    @property
    def channels(self) -> dict[str, Channel]:
        """The loop's own ends of its connections, by the name of the peer."""
        ends = [each for each in list(self.loop.channels) if not isinstance(each, Listener | Waker)]
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
        itself raised; what a handler raised is on the tape. TimeoutError if a handler does not return,
        ValueError for other numbers.
        """
        n = index(n)
        if n < 1:
            raise ValueError(f"step({n}): give the number of iterations, 1 or more")
        if timeout is None or not 0 <= timeout <= SLEEP_AT_MOST:
            raise ValueError(f"timeout={timeout}: a step sleeps 0 to {SLEEP_AT_MOST:g} s; run() has no limit")
        self._must_be_open()
        self._engine.not_in_a_handler()
        self.pause()
        return self._engine.step(n, float(timeout))

    def run(self, seconds: float | None = None) -> Self:
        """Let the loop go as it really does, asleep until something happens. Returns at once.

        With `seconds`, returns after that time with the lab paused again. A loop on a BusySelector is paused
        after 5 s in any case. Raises nothing while it runs; `pause` does.
        """
        self._must_be_open()
        if seconds is not None:
            self._engine.not_in_a_handler()
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

        In a handler it returns at once, and the iteration that the handler is part of is the last of a run.
        Raises what ended the run, if that was an error, and TimeoutError if a handler does not return.
        """
        self._engine.pause()
        return self

    def connect(self, name: str | None = None) -> Peer:
        """A new TCP client of this lab, driven by hand. An open peer of the same name is closed first.

        It stands in the listener's backlog until the loop accepts it.
        """
        self._must_be_open()
        return self._engine.connect(None if name is None else str(name))

    def crowd(self, size: int) -> Crowd:
        """`size` idle clients in a process of their own, all accepted. The lab runs while they connect.

        ValueError for more than this process has fds for.
        """
        self._must_be_open()
        self._engine.not_in_a_handler()
        size = index(size)
        room = kernel.fd_room()
        if not 0 < size <= room:
            raise ValueError(
                f"a crowd of {size:,} does not fit: this process can open {room:,} fds more (ulimit -n). "
                f"Ask for 1 to {room:,}, or raise the limit: `ulimit -n {size + kernel.fd_limit()[0]}`."
            )
        was_running = self.running
        arrived = self._engine.connections.expect()
        crowd: Crowd | None = None
        try:
            self._engine.make_room(size)
            self.run()
            crowd = Crowd(self.address, size)
            self._engine.crowds.append(crowd)
            self._accept(crowd, arrived)
        except BaseException:
            if crowd is not None:
                crowd.close()
                self._engine.crowds.remove(crowd)
            raise
        finally:
            self._engine.connections.expected(arrived)
            if not was_running:
                self.pause()
        return crowd

    def _accept(self, crowd: Crowd, arrived: set[int]) -> None:
        """Run until everybody of `crowd` has arrived."""
        until = time.monotonic() + crowd.within
        while not (crowd.answers() and crowd.ports() <= arrived):
            if time.monotonic() > until:
                raise TimeoutError(
                    f"{len(arrived):,} of a crowd of {crowd.size:,} were accepted within {crowd.within:g} s"
                )
            if not self.running:  # it has met an error, which pause() raises, or was busy for long enough
                self.pause()
                self.run()
            time.sleep(0.005)

    def in_loop(self, work: Callable[[Any], T]) -> T:
        """What `work(loop)` returns: done in the loop's thread between two iterations; a run goes on."""
        self._must_be_open()
        self._engine.not_in_a_handler()
        was_running = self.running
        self.pause()
        try:
            answer: T = self._engine.ask(lambda engine: work(engine.loop))
        finally:
            if was_running:
                self.run()
        return answer

    def reset(self) -> Self:
        """The lab as it began: stopped, with an empty tape, and its peers as before the first step.

        Another loop with the same handler, selector, buffers and limit takes its place, at another port.
        Peers that were there before the first step or run are connected again, the same objects, and do again
        what they had done by then; everybody else's connection ends. `lab.tape` is another tape; who holds
        the one before can go on reading it. What a handler keeps outside of itself stays as it is.

        RuntimeError where that cannot be: a selector object serves one loop only, a listener that was added
        is not the lab's own.
        """
        self._must_be_open()
        self._engine.not_in_a_handler()
        self.pause()
        listener = self._engine.listener
        added = any(isinstance(each, Listener) and each.socket is not listener for each in self.loop.channels)
        once = self._once or ("a listener was added to its loop" if added else None)
        if once:
            raise RuntimeError(f"this lab cannot start again: {once}; run the cell that makes it again")
        before, close = self._engine, self._close
        try:
            self._begin()
        finally:
            close()
        before.beginning.again(self._engine.connect_again)
        return self

    def close(self) -> None:
        """Stop the loop and close everything that belongs to it; the tape stays readable.

        An interrupt meanwhile is raised when all is closed; a handler that does not return is not waited for.
        """
        with Uninterrupted():
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


def number_of_bytes(buffers: int | None) -> int | None:
    """`buffers` as a plain int; ValueError unless it is one byte or more, or None."""
    if buffers is not None and index(buffers) < 1:
        raise ValueError(f"buffers={buffers}: give a number of bytes such as 4096, or leave it out")
    return None if buffers is None else index(buffers)
