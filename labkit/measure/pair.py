"""A connected pair of sockets to try calls on: TCP, UDP or AF_UNIX, with a deadline on every sleep.

It knows sockets and nothing else: no loop, tape or figure.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Literal

PATIENCE = 5.0  # seconds that a blocking call on a pair waits at most


@contextlib.contextmanager
def pair(
    buffers: int | None = None, family: Literal["tcp", "unix", "udp"] = "tcp", *, patience: float = PATIENCE
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected, blocking sockets of this process: TCP or UDP over loopback, or AF_UNIX.

    `buffers` sets SO_SNDBUF and SO_RCVBUF of both in bytes (the kernel doubles them; socket(7)). A TCP pair
    has TCP_NODELAY, and a listener of its own that is gone when you get it. A call that blocks longer than
    `patience` seconds raises BlockingIOError: SO_RCVTIMEO and SO_SNDTIMEO, which leave O_NONBLOCK alone.
    When the block ends both are closed, and a thread that still sleeps in one of them wakes.
    """
    with contextlib.ExitStack() as stack:
        ends = _CONNECT[family](stack, buffers)
        for each in ends:
            stack.callback(_wake, each)
            limit = struct.pack("@ll", int(patience), int(patience % 1 * 1e6))
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        yield ends


def _tcp(stack: contextlib.ExitStack, buffers: int | None) -> tuple[socket.socket, socket.socket]:
    with socket.socket() as listener:
        _size(listener, buffers)  # before listen: an accepted socket inherits them (tcp(7))
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        here = _size(stack.enter_context(socket.socket()), buffers)
        here.connect(listener.getsockname())
        there = stack.enter_context(listener.accept()[0])
    for each in (here, there):
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return here, there


def _unix(stack: contextlib.ExitStack, buffers: int | None) -> tuple[socket.socket, socket.socket]:
    here, there = (stack.enter_context(each) for each in socket.socketpair())
    return _size(here, buffers), _size(there, buffers)


def _udp(stack: contextlib.ExitStack, buffers: int | None) -> tuple[socket.socket, socket.socket]:
    here, there = (
        _size(stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)), buffers) for _ in range(2)
    )
    for each in (here, there):
        each.bind(("127.0.0.1", 0))
    here.connect(there.getsockname())
    there.connect(here.getsockname())
    return here, there


_CONNECT = {"tcp": _tcp, "unix": _unix, "udp": _udp}


def _size(sock: socket.socket, buffers: int | None) -> socket.socket:
    if buffers:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
    return sock


def _wake(sock: socket.socket) -> None:
    """End every sleep in a call on `sock`; close() alone would leave the sleeper asleep (shutdown(2))."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
