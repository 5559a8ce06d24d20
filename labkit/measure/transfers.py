"""Bytes from one end of a connection to the other: how many fit, and what a size of recv costs.

It knows sockets and threads; no loop, tape or figure.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping

from labkit.measure.call import measured
from labkit.measure.pair import pair

TEN_MIB = 10 * 2**20


def fill(sock: socket.socket, piece: int) -> int:
    """Send `piece` bytes at a time, without blocking, until EAGAIN; how many bytes were taken."""
    sent, data = 0, bytes(piece)
    while took := measured(sock.send, data).result:
        sent += took
    return sent


def fits(buffers: int, piece: int, *, together: bool = False) -> int:
    """How many bytes a new connection with such buffers takes before EAGAIN, `piece` at a time.

    `together` lets the kernel join small writes (Nagle's algorithm, tcp(7)).
    """
    with pair(buffers) as (here, _):
        here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not together)
        here.setblocking(False)
        return fill(here, piece)


def receive(size: int) -> int:
    """Receive 10 MiB from a thread with recv(size); how many calls, with the one that says the end."""
    with pair() as (here, there):
        sender = threading.Thread(target=_send_all, args=[there], daemon=True)
        sender.start()
        calls, total = 1, 0
        while got := len(here.recv(size)):
            calls, total = calls + 1, total + got
        sender.join()
    if total != TEN_MIB:
        raise RuntimeError(f"{total:,} of {TEN_MIB:,} bytes arrived")
    return calls


def receiving(size: int) -> Iterator[Mapping[str, Callable[[], int]]]:
    """For a sweep: the time that receive(size) takes."""
    yield {"time": lambda: receive(size)}


def _send_all(sock: socket.socket) -> None:
    sock.sendall(bytes(TEN_MIB))
    sock.shutdown(socket.SHUT_WR)
