"""Experiments with asyncore that need a sender, a reader or a successor: set up here, and counted.

Whatever is measured is asyncore's own code on real sockets. Nothing is recorded; a lesson that wants a tape
puts watch(asyncore) around one. The module is imported when it is first needed: it left Python in 3.12.
"""

from __future__ import annotations

import contextlib
import fcntl
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from labkit.measure.call import measured
from labkit.measure.pair import pair
from labkit.measure.scenes import LOOPBACK, SECONDS

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s: a close() that sends a reset (socket(7))


class Received(NamedTuple):
    calls: int  # of recv()
    ms: float
    bytes: int


class Sent(NamedTuple):
    turns: int
    copied: int  # bytes that slicing `out_buffer` copied
    ms: float


def received(size: int, amount: int = 4_000_000) -> Received:
    """What a dispatcher needs to read `amount` bytes with recv(size), once for each event."""
    import asyncore

    class Sink(asyncore.dispatcher):
        calls, got = 0, 0

        def writable(self) -> bool:
            return False

        def handle_read(self) -> None:
            self.calls += 1
            self.got += len(self.recv(size))

        def handle_close(self) -> None:
            self.close()

    with pair() as (here, there):
        sink = Sink(here, map={})
        began = time.perf_counter()
        with _thread(lambda: _send_all(there, amount)):
            _poll_until(lambda: not sink._map, sink._map)  # type: ignore[attr-defined]
        return Received(sink.calls, (time.perf_counter() - began) * 1000, sink.got)


def transmitted(size: int, buffer: Callable[[bytes], Any] = bytes, amount: int = 2_000_000) -> Sent:
    """What initiate_send() needs to send `amount` bytes in slices of `size`, with such an out_buffer."""
    import asyncore

    class Slicing(asyncore.dispatcher_with_send):
        turns, copied = 0, 0
        out_buffer: Any

        def readable(self) -> bool:
            return False

        def initiate_send(self) -> None:
            piece = self.out_buffer[:size]
            sent = asyncore.dispatcher.send(self, piece)
            self.out_buffer = self.out_buffer[sent:]
            self.turns += 1
            if isinstance(piece, bytes):  # a memoryview is sliced without copying
                self.copied += len(piece) + len(self.out_buffer)

    with pair() as (here, there):
        sender = Slicing(here, map={})
        sender.out_buffer = buffer(bytes(amount))
        began = time.perf_counter()
        with _thread(lambda: _drain(there, amount)):
            _poll_until(lambda: not sender.out_buffer, sender._map)  # type: ignore[attr-defined]
            took = (time.perf_counter() - began) * 1000
        sender.close()
        return Sent(sender.turns, sender.copied, took)


def sends_to_nobody(count: int, appending: bool = False) -> float:
    """Milliseconds of CPU of `count` sends of 1,000 bytes to a peer that does not read.

    As dispatcher_with_send does it; or with `appending` to a bytearray, which grows in its place.
    """
    import asyncore

    class Appending(asyncore.dispatcher_with_send):
        out_buffer: Any

        def send(self, data: Any) -> Any:
            self.out_buffer += data

    with pair(4096) as (here, _):
        sender: Any = (Appending if appending else asyncore.dispatcher_with_send)(here, map={})
        sender.out_buffer = bytearray() if appending else b""
        began = time.thread_time()
        for _ in range(count):
            sender.send(bytes(1000))
        took = (time.thread_time() - began) * 1000
        sender.close()
    return took


def unread(count: int) -> Iterator[dict[str, Callable[[], float]]]:
    """For sweep(): `count` sends that nobody reads, with either kind of buffer."""
    yield {
        "out_buffer + data": lambda: sends_to_nobody(count),
        "bytearray": lambda: sends_to_nobody(count, appending=True),
    }


def rebound(*, old: bool, new: bool, alive: bool = False) -> str | None:
    """The error, by name, with which a new server takes the port of an old one that closed first.

    `old` and `new` say which of them called set_reuse_addr(); with `alive` the old one still listens.
    """
    import asyncore

    def bound(reuse: bool, port: int) -> Any:
        server = asyncore.dispatcher(map={})
        server.create_socket()
        closing.callback(server.close)
        if reuse:
            server.set_reuse_addr()
        server.bind((LOOPBACK, port))
        server.listen(1)
        return server

    with contextlib.ExitStack() as closing:
        first = bound(old, 0)
        port = first.socket.getsockname()[1]
        with socket.create_connection((LOOPBACK, port), SECONDS):
            first.accept()[0].close()  # the server is the first to close: TIME_WAIT
        if not alive:
            first.close()
        outcome = measured(bound, new, port).outcome
        return outcome if isinstance(outcome, str) else None


@contextlib.contextmanager
def leaving(count: int, how: str) -> Iterator[tuple[socket.socket, Callable[[], None]]]:
    """A connection, and leave(), with which its far end sends `count` bytes and goes.

    `how`: "closed", "reset" or "closed (AF_UNIX)".
    """
    with pair(family="unix" if "AF_UNIX" in how else "tcp") as (here, there):

        def leave() -> None:
            there.send(bytes(count))
            if how == "reset":
                there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            there.close()

        yield here, leave


@contextlib.contextmanager
def _thread(work: Callable[[], Any]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(SECONDS)


def _send_all(sock: socket.socket, amount: int) -> None:
    sock.sendall(bytes(amount))
    sock.close()


def _drain(sock: socket.socket, amount: int) -> None:
    while amount > 0 and (data := sock.recv(1 << 20)):
        amount -= len(data)


def _poll_until(done: Callable[[], bool], map: Any) -> None:
    import asyncore

    until = time.monotonic() + 4 * SECONDS
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"it was not done after {4 * SECONDS:g} s: this machine has much else to do")
        asyncore.poll(1, map)


def take_number(sock: socket.socket, number: int) -> socket.socket:
    """A copy of `sock` whose fd is `number`, which is free (fcntl(2), F_DUPFD)."""
    return socket.socket(fileno=fcntl.fcntl(sock, fcntl.F_DUPFD, number))


@contextlib.contextmanager
def with_fd(sock: socket.socket, number: int) -> Iterator[socket.socket]:
    """A copy of `sock` with a high fd; the limit of open files is raised for as long (getrlimit(2))."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(number + 100, hard)), hard))
    try:
        with take_number(sock, number) as copy:
            yield copy
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
