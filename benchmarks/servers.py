"""Echo servers of several makes, and what one round trip costs each of them in CPU.

A server is asked for one turn at a time: the clients have sent, the server's turn is timed by its thread's
CPU clock, the clients receive. So the burst that a server finds is the same for all of them, and no scheduler
has a say; what a process pays for being woken up is the same for all, and is left out. Idle clients are a
Crowd in a process of their own.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import gc
import json
import os
import select
import selectors
import socket
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

from labkit import Channel, Crowd, Listener, Loop, RecordingSelector, Tape, kernel, watch
from labkit.record.recorder import Recorder

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import asyncore

MESSAGE = b"x" * 64
SIZE = 4096  # of a recv


class Server(Protocol):
    """An echo server; `turn` is one iteration of its loop, which does not sleep."""

    def turn(self) -> None: ...
    def close(self) -> None: ...


Make = Callable[[socket.socket], Server]


class BareEpoll:
    """What somebody writes who needs nothing else."""

    def __init__(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        self.listener, self.door = listener, listener.fileno()
        self.connections: dict[int, socket.socket] = {}
        self.poller = select.epoll()
        self.poller.register(listener, select.EPOLLIN)

    def turn(self) -> None:
        for fd, _ in self.poller.poll(0):
            if fd == self.door:
                connection, _ = self.listener.accept()
                connection.setblocking(False)
                self.connections[connection.fileno()] = connection
                self.poller.register(connection, select.EPOLLIN)
                continue
            connection = self.connections[fd]
            data = b""
            with contextlib.suppress(ConnectionError):
                data = connection.recv(SIZE)
            if data:
                connection.send(data)
            else:
                self.poller.unregister(fd)
                self.connections.pop(fd).close()

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()
        self.poller.close()


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(SIZE))


class OurLoop:
    def __init__(self, listener: socket.socket) -> None:
        self.run(Loop(selectors.EpollSelector()), listener)

    def run(self, loop: Loop, listener: socket.socket) -> None:
        self.loop = loop
        Listener(loop, listener, Echo)

    def turn(self) -> None:
        self.loop.run_once(0)

    def close(self) -> None:
        for channel in tuple(self.loop.channels):
            channel.abort()
        self.loop.selector.close()


class Recorded(OurLoop):
    """Our loop, with every call and all four buffers on the tape."""

    def __init__(self, listener: socket.socket) -> None:
        self.tape = Tape()
        recorder = Recorder(self.tape)
        selector = RecordingSelector(selectors.EpollSelector(), recorder=recorder)
        self.run(Loop(selector), recorder.socket(fileno=listener.detach()))


class _Asking(selectors.EpollSelector):
    """Asks what a record holds, and keeps the raw numbers in a list: the least that recording can cost."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []
        self.sent: list[int] = []  # fds whose send queues may have changed
        self._answer = array.array("i", [0])

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self.kept.append(kernel.identity(key.fd))  # whose the number is now
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        kept, answer = self.kept, self._answer
        for fd in self.sent:
            fcntl.ioctl(fd, kernel.SIOCOUTQNSD, answer)
            kept.append(answer[0])
        self.sent.clear()
        kept.append(time.perf_counter_ns())
        ready = super().select(timeout)
        kept.append(time.perf_counter_ns())
        if len(kept) > 100_000:
            kept.clear()
        return ready


def _noting(asking: _Asking) -> type[socket.socket]:
    """Sockets that keep the numbers of their calls."""
    kept, sent, clock = asking.kept, asking.sent, time.perf_counter_ns

    class Noting(socket.socket):
        __slots__ = ()

        def recv(self, size: int, flags: int = 0) -> bytes:
            data = plain.recv(self, size)
            kept.extend((self.fileno(), size, len(data), clock()))
            return data

        def send(self, data: Any, flags: int = 0) -> int:
            count, fd = plain.send(self, data), self.fileno()
            kept.extend((fd, len(data), count, clock()))
            sent.append(fd)
            return count

        def accept(self) -> tuple[socket.socket, Any]:
            connection, address = plain.accept(self)
            connection.__class__ = Noting
            return connection, address

    plain = socket.socket
    return Noting


class Asked(OurLoop):
    """Our loop, and the questions to the kernel alone."""

    def __init__(self, listener: socket.socket) -> None:
        asking = _Asking()
        self.run(Loop(asking), _noting(asking)(fileno=listener.detach()))


class _AsyncoreEcho(asyncore.dispatcher_with_send):
    def handle_read(self) -> None:
        self.send(self.recv(SIZE))


class _AsyncoreListener(asyncore.dispatcher):
    def writable(self) -> bool:
        return False

    def handle_accepted(self, sock: socket.socket, addr: object) -> None:
        _AsyncoreEcho(sock, self._map)


class Asyncore:
    use_poll = True

    def __init__(self, listener: socket.socket) -> None:
        self.map: dict[int, Any] = {}
        _AsyncoreListener(listener, self.map).accepting = True

    def turn(self) -> None:
        asyncore.loop(0, self.use_poll, self.map, count=1)

    def close(self) -> None:
        asyncore.close_all(self.map, ignore_all=True)


class AsyncoreSelect(Asyncore):
    use_poll = False


class _Protocol(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Asyncio:
    debug = False

    selector: type[selectors.BaseSelector] = selectors.EpollSelector

    def __init__(self, listener: socket.socket) -> None:
        self.loop = asyncio.SelectorEventLoop(self.selector())
        self.loop.set_debug(self.debug)
        self.server = self.loop.run_until_complete(self.loop.create_server(_Protocol, sock=listener))

    def turn(self) -> None:
        self.loop.call_soon(self.loop.stop)  # run_forever() then makes one iteration
        self.loop.run_forever()

    def close(self) -> None:
        self.server.close()
        for transport in list(self.loop._transports.values()):  # type: ignore[attr-defined]
            transport.abort()
        self.turn()
        self.loop.close()


class AsyncioDebug(Asyncio):
    debug = True


class WatchedAsyncio(Asyncio):
    calls = False

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener)
        self.watched = watch(self.loop, calls=self.calls)
        self.watched.__enter__()

    def close(self) -> None:
        self.watched.__exit__(None, None, None)
        super().close()


class WatchedAsyncioCalls(WatchedAsyncio):
    calls = True


class AskedAsyncio(Asyncio):
    selector = _Asking

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener)
        selector = self.loop._selector  # type: ignore[attr-defined]
        for sock in self.server.sockets:
            sock._sock.__class__ = _noting(selector)


class Registering(Asyncio):
    """A loop that registers an fd anew for each wait, as drivers of databases do."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener)
        self.pair = socket.socketpair()
        self.pair[1].send(b"x")  # it stays readable

    def turn(self) -> None:
        for _ in range(8):
            fd = self.pair[0].fileno()
            self.loop.add_reader(fd, self.loop.remove_reader, fd)
            super().turn()

    def close(self) -> None:
        super().close()
        for end in self.pair:
            end.close()


class WatchedRegistering(Registering):
    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener)
        self.watched = watch(self.loop)
        self.watched.__enter__()

    def close(self) -> None:
        self.watched.__exit__(None, None, None)
        super().close()


class AskedRegistering(Registering):
    selector = _Asking


class UnequalWork(Exception):
    """A server needed more turns than one for a burst: its time is not that of a turn."""


class Bench:
    """One server with `active` clients of this process and `idle` ones of another, all connected."""

    def __init__(self, make: Make, active: int, idle: int = 0) -> None:
        self._stack = ExitStack()
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        address = listener.getsockname()
        self._stack.callback(listener.close)
        self.server = make(listener)
        self._stack.callback(self.server.close)
        if idle:
            crowd = self._stack.enter_context(Crowd(address, idle))
            while not crowd.answers():
                self.server.turn()
            crowd.ready()
        self.clients = [self._stack.enter_context(socket.create_connection(address)) for _ in range(active)]
        for client in self.clients:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setblocking(False)
        while True:  # all are accepted, and every cache is warm
            try:
                self.cpu(20)
                break
            except UnequalWork:
                continue

    def cpu(self, rounds: int) -> float:
        """Nanoseconds of CPU that the server takes for one round trip, over so many rounds of all clients.

        Every client has sent before the turn, and every answer is whole after it, or the work was not the
        same as another server's: that is counted, and more than one round in ten raises UnequalWork.
        """
        spent, turns, clock = 0, 0, time.thread_time_ns
        collects = gc.isenabled()
        gc.collect()
        gc.disable()  # or whoever makes the most objects pays for those of all (timeit does the same)
        try:
            for _ in range(rounds):
                for client in self.clients:
                    client.send(MESSAGE)
                waiting = set(self.clients)
                while waiting:
                    began = clock()
                    self.server.turn()
                    spent += clock() - began
                    turns += 1
                    for client in tuple(waiting):
                        with contextlib.suppress(BlockingIOError):
                            if client.recv(SIZE) != MESSAGE:
                                raise UnequalWork("an answer was not what was sent")
                            waiting.discard(client)
        finally:
            if collects:
                gc.enable()
        if turns > 1.1 * rounds:
            raise UnequalWork(f"{type(self.server).__name__} took {turns} turns for {rounds} bursts")
        return spent / rounds / len(self.clients)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def against(
    a: Make, b: Make, active: int, idle: tuple[int, int] = (0, 0), pairs: int = 9
) -> tuple[float, float]:
    """(ns of CPU for a round trip at server `a`, at `b`): medians of parts taken in turn, A B B A …"""
    rounds = max(2, 2000 // active)
    found: dict[Bench, list[float]] = {}
    with Bench(a, active, idle[0]) as one, Bench(b, active, idle[1]) as other:
        for each in range(pairs):
            for bench in (one, other) if each % 2 else (other, one):
                found.setdefault(bench, []).append(bench.cpu(rounds))
        ratio = statistics.median(x / y for x, y in zip(found[one], found[other], strict=True))
        theirs = statistics.median(found[other])
    return ratio * theirs, theirs


# asyncio receives into 256 KiB at a time. Where glibc gives such memory back after each call, every recv pays
# for two page faults, more than for all of the rest (it came out as 3.5 times bare epoll instead of 1.2): and
# whether it does depends on what else lies in the heap. Here it never does (mallopt(3)).
KEEPS_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)}


def apart(a: Make, b: Make, active: int, idle: tuple[int, int] = (0, 0)) -> tuple[float, float]:
    """As `against`, of the middle one of three processes: where memory lies differs from one to another."""
    makes = [getattr(make, "__name__", "") for make in (a, b)]
    arguments = ["-m", "benchmarks.servers", *makes, str(active), *map(str, idle)]
    found = sorted((json.loads(own_process(arguments)) for _ in range(3)), key=lambda pair: pair[0] / pair[1])
    ours, theirs = found[1]
    return ours, theirs


def own_process(arguments: list[str]) -> str:
    """What Python prints that is given these arguments; RuntimeError with its last word if it fails."""
    environment = os.environ | KEEPS_MEMORY
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, env=environment
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return done.stdout


def clients(active: int) -> str:
    """`1 connection`, `100 connections`."""
    return f"{active} connection{'s' * (active > 1)}"


if __name__ == "__main__":
    _a, _b, *_numbers = sys.argv[1:]
    _active, *_idle = map(int, _numbers)
    print(json.dumps(against(globals()[_a], globals()[_b], _active, (_idle[0], _idle[1]))))
