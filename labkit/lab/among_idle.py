"""One talkative client among idle ones: what does an echo cost a loop that watches them all?

The loop is the course's own, without a recorder; the idle ones live in a process of their own.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from labkit.lab.crowd import Crowd
from labkit.loop import Channel, Listener, Loop

SECONDS = 30.0  # in which the far ends arrive; thousands of them take a loaded machine ten


class Echo(Channel):
    """Sends back what arrives."""

    def handle_read(self) -> None:
        self.write(self.recv(1024))


class Crowded(NamedTuple):
    """The loop, and alice's "hello" and its echo: one call, one iteration of the loop."""

    loop: Loop
    echo: Callable[[], bytes]


@contextlib.contextmanager
def crowded(idle: int, selector: selectors.BaseSelector | None = None) -> Iterator[Crowded]:
    """An echo loop with `idle` silent connections, and alice.

    OSError or ValueError where so many fds are not to be had; TimeoutError where they do not arrive.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        loop = Loop(stack.enter_context(selector or selectors.DefaultSelector()))
        Listener(loop, listener, Echo)
        stack.callback(_abort, loop)
        crowd = stack.enter_context(Crowd(listener.getsockname(), idle, within=SECONDS))
        _accept(loop, idle)
        crowd.ready()
        alice = stack.enter_context(socket.create_connection(listener.getsockname(), SECONDS))
        loop.run_once(1)

        def echo() -> bytes:
            alice.send(b"hello")
            loop.run_once(1)
            return alice.recv(64)

        yield Crowded(loop, echo)


def _accept(loop: Loop, count: int) -> None:
    until = time.monotonic() + SECONDS
    while len(loop.channels) <= count:  # the listener is one of them
        if time.monotonic() > until:
            raise TimeoutError(f"{len(loop.channels) - 1:,} of {count:,} arrived within {SECONDS:g} s")
        loop.run_once(1)


def _abort(loop: Loop) -> None:
    for channel in list(loop.channels):
        channel.abort()
