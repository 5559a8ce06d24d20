"""Many sockets at once, to measure a wait on them: some of them have something to read.

It knows sockets and what watches them; no loop, tape or figure.
"""

from __future__ import annotations

import contextlib
import ctypes
import select
import selectors
import socket
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar


class Watches(Protocol):
    def register(self, fd: int, events: int, /) -> Any: ...


Watcher = TypeVar("Watcher", bound=Watches)


@contextlib.contextmanager
def connected(count: int, ready: int = 0) -> Iterator[list[int]]:
    """The fds of `count` connected AF_UNIX sockets; one byte waits at each of the first `ready` of them."""
    with contextlib.ExitStack() as stack:
        ends = [stack.enter_context(end) for _ in range((count + 1) // 2) for end in socket.socketpair()]
        for at in range(ready):
            ends[at ^ 1].send(b"!")  # the partner of ends[i] is ends[i ^ 1]
        yield [end.fileno() for end in ends[:count]]


@contextlib.contextmanager
def copies(count: int) -> Iterator[list[int]]:
    """`count` fds of one and the same socket, on which nothing waits (dup(2))."""
    with contextlib.ExitStack() as stack:
        here, there = (stack.enter_context(end) for end in socket.socketpair())
        assert there  # it keeps the connection
        yield [stack.enter_context(here.dup()).fileno() for _ in range(count)]


def watching(watcher: Watcher, fds: Sequence[int]) -> Watcher:
    """`watcher` (a select.poll, a select.epoll), told to watch each of `fds` for reading."""
    for fd in fds:
        watcher.register(fd, select.POLLIN)
    return watcher


def kernels_poll(fds: Sequence[int]) -> Callable[[], int]:
    """poll(2) of the C library, its table already built: what the kernel takes, without Python around it."""
    libc = ctypes.CDLL(None)
    rows = b"".join(struct.pack("ihh", fd, select.POLLIN, 0) for fd in fds)
    table = ctypes.create_string_buffer(rows, len(rows))
    return lambda: int(libc.poll(table, len(fds), 0))


@contextlib.contextmanager
def asyncore_turn(fds: Sequence[int]) -> Iterator[Callable[[], Any]]:
    """One turn of asyncore's loop over channels on `fds` that read nothing and write nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "asyncore is deprecated": it is read in lesson 6 all the same
        import asyncore

    class Idle(asyncore.dispatcher):  # type: ignore[misc, unused-ignore]
        def writable(self) -> bool:
            return False

        def handle_read(self) -> None:
            pass

    channels: dict[int, Any] = {}
    with contextlib.ExitStack() as stack:
        for fd in fds:
            sock = socket.socket(fileno=fd)
            stack.callback(sock.detach)  # whoever opened it closes it
            Idle(sock, channels)
        yield lambda: asyncore.poll(0, channels)


@contextlib.contextmanager
def selector_turn(kind: type[selectors.BaseSelector], fds: Sequence[int]) -> Iterator[Callable[[], Any]]:
    """One select() of a selector from the `selectors` module that watches `fds` for reading."""
    with kind() as selector:
        for fd in fds:
            selector.register(fd, selectors.EVENT_READ)
        yield lambda: selector.select(0)
