"""trial(): an answer at work in this notebook, on the stage of its exercise, with its figure beside it.

    mine = trial("build-2-many", Loop2)      # your loop turns in a thread of its own
    alice = mine.connect("alice"); alice.send(b"hello")
    mine                                     # what became of it, and the figure, which follows

It judges nothing. A loop that spins or raises ends; the next trial ends the one before.
"""

from __future__ import annotations

import contextlib
import gc
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from labkit import kernel
from labkit.lab import cells
from labkit.lab.peer import Peer
from labkit.rpc.framing import ProtocolError
from labkit.rpc.rpc import Client, RPCError
from labkit.tape.narrate import plural
from labkit.tape.tape import Tape
from labkit.teaching.practice_bench import WAITS
from labkit.teaching.practice_form import load
from labkit.teaching.practice_stages import Ended, Served, Stoppable

SETTLES_WITHIN = 3.0  # seconds that a trial waits for its loop to sleep, or end, before it is shown
QUIET = 0.03
ANSWERS_WITHIN = 1.0
ENDS_WITHIN = 1.0

_latest: list[Trial] = []  # one at a time


def trial(name: str, answer: Any, **options: Any) -> Trial:
    """Let an answer work: on real sockets, recorded, in a thread of its own. `options` are the stage's."""
    return _at_work(load(name).host(answer, selector=Stoppable(), **options), options.get("buffers"))


def at_work(serve: Callable[[socket.socket, Any], Any]) -> Trial:
    """Let a server work, `serve(listener, selector)`, which never returns."""
    return _at_work(Served(serve, selector=Stoppable()), None)


def _at_work(stage: Served, buffers: int | None) -> Trial:
    while _latest:
        _latest.pop().close()
    _latest.append(Trial(stage, buffers))
    return _latest[0]


class Trial:
    """An answer at work. `tape` is what it does, `peers` are its clients, by their names."""

    def __init__(self, stage: Served, buffers: int | None) -> None:
        self._stage, self._buffers = stage, buffers
        stage.tape.about["selector"] = "select"
        self.peers: dict[str, Peer] = {}
        self._figure: Any = None
        cells.add(self)

    @property
    def tape(self) -> Tape:
        return self._stage.tape

    def connect(self, name: str) -> Peer:
        """A client of this name: send, recv, shutdown, close. ConnectionError if nobody listens any more."""
        peer = self.peers[name] = Peer(self._stage.address, name, buffers=self._buffers)
        self._stage.introduce(peer.address[1], name, peer)
        if self._stage.thread.ident is None:
            self._stage.start()
        self.settle()
        return peer

    def call(self, method: str, params: Any = None) -> str:
        """What a server for remote calls (labkit.rpc) replies, or why it does not, in words."""
        if self._stage.thread.ident is None:
            self._stage.start()
        try:
            with Client(self._stage.address, timeout=ANSWERS_WITHIN) as client:
                return f"{method} {params!r} is answered: {client.call(method, params)!r}"
        except (OSError, RPCError, ProtocolError) as error:
            return f"{method} {params!r} is not answered: {error}"

    def settle(self) -> bool:
        """Wait until the loop sleeps, or has ended; False if it does neither."""
        still, turns, until = 0.0, -1, time.monotonic() + SETTLES_WITHIN
        while time.monotonic() < until and still < QUIET:
            time.sleep(0.005)
            if not self._stage.thread.is_alive():
                return True
            now, where = self.turns, kernel.blocked_in(self._stage.thread)
            asleep = where is not None and where.call != "futex"  # which waits for the interpreter's lock
            still, turns = (still + 0.005 if asleep and now == turns else 0.0), now
        return still >= QUIET

    @property
    def turns(self) -> int:
        """How many turns it has made."""
        return self.tape.dropped + len(self.tape)

    def wait(self, seconds: float) -> None:
        """Give it time."""
        time.sleep(seconds)

    def hear(self, peer: Peer) -> bytes:
        """What it has sent to a peer; waits for it, but not for long."""
        select.select([peer.socket], [], [], ANSWERS_WITHIN)
        return peer.recv()

    @property
    def figure(self) -> Any:
        """The figure of the loop at work."""
        if self._figure is None:
            from labkit.figure.live import LiveFigure

            self._figure = LiveFigure(self.tape)
        return self._figure

    def __str__(self) -> str:
        """What became of it, in a sentence."""
        rests, error = self.settle(), self._stage.error
        turns = plural(self.turns, "turn")
        if isinstance(error, Ended):
            return f"{turns}. {error}"
        if error is not None:
            return f"{turns}; then your loop ended. {type(error).__name__}: {error}"
        if not self._stage.thread.is_alive():
            return f"{turns}, and then the program came to its end." if turns else "Nobody has connected yet."
        where = kernel.blocked_in(self._stage.thread)
        if not rests or where is None:
            return f"{turns}, and it is at work."
        return f"{turns}, and now it sleeps in {'its selector' if where.call in WAITS else where}."

    __repr__ = __str__

    def _ipython_display_(self) -> None:
        from IPython.display import display

        print(self)
        if len(self.tape):
            display(self.figure)

    def close(self) -> None:
        """End it. Nothing of its end is on the tape: the loop did not do it."""
        stage = self._stage
        if not hasattr(stage, "recorder"):
            return
        stage.recorder.tape = Tape()
        if stage.thread.ident is not None:
            stage.inner.stopped = True
            stage.thread.join(ENDS_WITHIN)
        with contextlib.suppress(OSError):
            stage.listener.shutdown(socket.SHUT_RDWR)  # a program that sleeps in accept() wakes
        for peer in self.peers.values():
            peer.close()
        for sock in [*(key.fileobj for key in (stage.selector.get_map() or {}).values()), stage.listener]:
            with contextlib.suppress(AttributeError, OSError):
                sock.close()  # type: ignore[union-attr]
        del sock
        stage.selector.close()
        self._forget()

    def _forget(self) -> None:
        """Let go of the loop, and of coroutines that still wait there; nobody waits for their last words."""
        stage, hook = self._stage, sys.unraisablehook
        if stage.error is not None:
            stage.error = stage.error.with_traceback(None)
        sys.unraisablehook = lambda _: None
        try:
            del stage.selector, stage.inner, stage.recorder, stage.listener
            gc.collect()
        finally:
            sys.unraisablehook = hook
