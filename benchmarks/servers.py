"""Echo servers of several makes, and what one round trip costs each of them in CPU.

A server is asked for one turn at a time: the clients have sent, the server's turn is timed by its thread's
CPU clock, the clients receive. So the burst that a server finds is the same for all of them, and no scheduler
has a say; what a process pays for being woken up is the same for all, and is left out. Idle clients are a
Crowd in a process of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import selectors
import socket
import statistics
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

from labkit import Channel, Crowd, Listener, Loop, RecordingSelector, Tape, watch
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

    def __init__(self, listener: socket.socket) -> None:
        self.loop = asyncio.SelectorEventLoop(selectors.EpollSelector())
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
        self.cpu(3)

    def cpu(self, rounds: int) -> float:
        """Nanoseconds of CPU that the server takes for one round trip, over so many rounds of all clients."""
        spent, clock = 0, time.thread_time_ns
        for _ in range(rounds):
            for client in self.clients:
                client.send(MESSAGE)
            waiting = set(self.clients)
            while waiting:
                began = clock()
                self.server.turn()
                spent += clock() - began
                for client in tuple(waiting):
                    with contextlib.suppress(BlockingIOError):
                        client.recv(SIZE)
                        waiting.discard(client)
        return spent / rounds / len(self.clients)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def ratio(a: Bench, b: Bench, rounds: int, pairs: int = 15) -> tuple[float, float]:
    """(median of a/b over pairs taken in turn, half the distance between their quartiles)."""
    found = []
    for each in range(pairs):
        first, second = (a, b) if each % 2 else (b, a)
        one, other = first.cpu(rounds), second.cpu(rounds)
        found.append(one / other if first is a else other / one)
    low, middle, high = statistics.quantiles(found, n=4)
    return middle, (high - low) / 2
