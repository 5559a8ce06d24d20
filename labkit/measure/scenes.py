"""Scenes for small experiments: the situation is set up, and taken down whatever happens in it.

They use sockets, threads and asyncio as anybody would, and record nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator

LOOPBACK = "127.0.0.1"
SETTLES = 0.3
SECONDS = 10.0  # what any of these waits at most


@contextlib.contextmanager
def many_ready(count: int) -> Iterator[list[int]]:
    """`count` fds that are all readable: copies (dup(2)) of the end of a pipe in which a byte lies."""
    with contextlib.ExitStack() as stack:
        ends = os.pipe()
        fds = [*ends, *(os.dup(ends[0]) for _ in range(count))]
        for fd in fds:
            stack.callback(os.close, fd)
        os.write(ends[1], b"!")
        yield fds[2:]


def served_once(*, reuse: bool) -> tuple[str, int]:
    """The address of a server that took one client, closed that connection first, and is gone.

    `reuse` sets SO_REUSEADDR on its listener. The connection stays in TIME_WAIT (tcp(7)).
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        listener.bind((LOOPBACK, 0))
        listener.listen()
        address: tuple[str, int] = listener.getsockname()
        with socket.create_connection(address, SECONDS) as client:
            listener.accept()[0].close()
            client.recv(1)  # the server's end is closed; now this one, second
    return address


@contextlib.contextmanager
def connecting(listener: socket.socket, *, backlog: int, clients: int) -> Iterator[list[socket.socket]]:
    """`clients` sockets that connect to `listener`, without blocking; it listens, and nobody accepts."""
    listener.bind((LOOPBACK, 0))
    listener.listen(backlog)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(clients)]
        for each in sockets:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield sockets


@contextlib.contextmanager
def threads_in_recv(count: int) -> Iterator[list[threading.Thread]]:
    """`count` threads, each asleep in recv on a connection of its own; at the end they are let go."""
    with contextlib.ExitStack() as stack:
        pairs = [[stack.enter_context(end) for end in socket.socketpair()] for _ in range(count)]
        threads = [threading.Thread(target=here.recv, args=(1,), daemon=True) for here, _ in pairs]
        for thread in threads:
            thread.start()
        try:
            yield threads
        finally:
            for _, there in pairs:
                there.send(b"!")
            for thread in threads:
                thread.join(SECONDS)


@contextlib.contextmanager
def a_pipe(holds: bytes = b"") -> Iterator[int]:
    """The reading end of a pipe that holds these bytes."""
    out, into = os.pipe()
    try:
        os.write(into, holds)
        yield out
    finally:
        os.close(out)
        os.close(into)


@contextlib.contextmanager
def no_free_fd() -> Iterator[None]:
    """This process can open no fd: its limit stands at the lowest free number meanwhile (getrlimit(2)).

    It begins a moment later, so that other threads (Jupyter writes its history) are done with their files.
    """
    time.sleep(SETTLES)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def numbered(sock: socket.socket, number: int) -> Iterator[int]:
    """A copy of `sock` whose fd is the first free number from `number` on (fcntl(2), F_DUPFD)."""
    fd = fcntl.fcntl(sock, fcntl.F_DUPFD, number)
    try:
        yield fd
    finally:
        with contextlib.suppress(OSError):  # closed by then
            os.close(fd)


def raised_fd_limit(wanted: int = 20_000) -> int:
    """Raise this process's limit of fds to `wanted`, as far as it may, and say what it is now (ulimit -n)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, wanted)), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def asked_by(fd: int) -> dict[str, str]:
    """What each call of this machine that watches fds says of one: "ready", "not ready" or its error."""

    def by_poll() -> object:
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        return poll.poll(0)

    def by_epoll() -> object:
        with select.epoll() as epoll:
            epoll.register(fd, select.EPOLLOUT)
            return epoll.poll(0)

    ways: dict[str, Callable[[], object]] = {
        "select": lambda: select.select([], [fd], [], 0)[1],
        "poll": by_poll,
        "epoll": by_epoll,
    }
    return {name: _tried(way) for name, way in ways.items() if hasattr(select, name)}


def _tried(way: Callable[[], object]) -> str:
    try:
        return "ready" if way() else "not ready"
    except (ValueError, OSError) as error:
        return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def reading_late(sock: socket.socket, after: float = 0.2) -> Iterator[None]:
    """Somebody begins to read `sock` after a while, in a thread, and reads on to the end of the file."""

    def read() -> None:
        time.sleep(after)
        while sock.recv(1_000_000):
            pass

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield
    except BaseException:
        sock.shutdown(socket.SHUT_RDWR)  # nobody else ends the file now
        raise
    finally:
        reader.join(SECONDS)


def compute(seconds: float) -> None:
    """Keep the CPU busy for so long, with nothing of use."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))


def silence(seconds: float) -> None:
    """A blocking recv on a connection on which nothing comes, for so long: what a slow answer looks like."""
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            here.recv(1)


class Ticks:
    """A task of the running asyncio loop that counts: `count` goes up by one every 10 ms, while it is let."""

    def __init__(self) -> None:
        self.count = 0
        self._task = asyncio.get_running_loop().create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            self.count += 1

    def stop(self) -> int:
        """End the task; how often it ticked."""
        self._task.cancel()
        return self.count
