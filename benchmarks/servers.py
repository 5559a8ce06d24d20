"""Echo servers of several makes, and what one round trip costs each of them in CPU.

The clients are a Crowd in a process of their own; what is read is the CPU clock of the server's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import selectors
import socket
import statistics
import threading
import time
import warnings
from collections.abc import Callable

from labkit import Channel, Crowd, Listener, Loop, RecordingSelector, Tape
from labkit.recording import Recorder

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import asyncore

Stop = threading.Event
Server = Callable[[socket.socket, Stop], None]
GLANCE = 0.1  # seconds after which a server looks whether it should stop


def bare_epoll(listener: socket.socket, stop: Stop) -> None:
    """What somebody writes who needs nothing else."""
    listener.setblocking(False)
    connections: dict[int, socket.socket] = {}
    with select.epoll() as poller:
        poller.register(listener, select.EPOLLIN)
        while not stop.is_set():
            for fd, _ in poller.poll(GLANCE):
                if fd == listener.fileno():
                    connection, _ = listener.accept()
                    connection.setblocking(False)
                    connections[connection.fileno()] = connection
                    poller.register(connection, select.EPOLLIN)
                    continue
                connection = connections[fd]
                data = b""
                with contextlib.suppress(ConnectionError):
                    data = connection.recv(4096)
                if data:
                    connection.send(data)
                else:
                    poller.unregister(fd)
                    connections.pop(fd).close()
    for connection in connections.values():
        connection.close()


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(4096))


def our_loop(listener: socket.socket, stop: Stop) -> None:
    _serve(Loop(selectors.EpollSelector()), listener, stop)


def recorded(listener: socket.socket, stop: Stop, tape: Tape | None = None) -> None:
    recorder = Recorder(tape)
    listener = recorder.socket(fileno=listener.detach())
    _serve(Loop(RecordingSelector(selectors.EpollSelector(), recorder=recorder)), listener, stop)


def _serve(loop: Loop, listener: socket.socket, stop: Stop) -> None:
    Listener(loop, listener, Echo)
    while not stop.is_set():
        loop.run_once(GLANCE)
    for channel in tuple(loop.channels):
        channel.abort()
    loop.selector.close()


class _AsyncoreEcho(asyncore.dispatcher_with_send):
    def handle_read(self) -> None:
        self.send(self.recv(4096))


class _AsyncoreListener(asyncore.dispatcher):
    def writable(self) -> bool:
        return False

    def handle_accepted(self, sock: socket.socket, addr: object) -> None:
        _AsyncoreEcho(sock, self._map)


def asyncore_poll(listener: socket.socket, stop: Stop, use_poll: bool = True) -> None:
    everything: dict[int, object] = {}
    door = _AsyncoreListener(listener, everything)
    door.accepting = True
    while not stop.is_set():
        asyncore.loop(GLANCE, use_poll, everything, count=1)
    asyncore.close_all(everything, ignore_all=True)


def asyncore_select(listener: socket.socket, stop: Stop) -> None:
    asyncore_poll(listener, stop, use_poll=False)


class _Protocol(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


def asyncio_protocol(
    listener: socket.socket, stop: Stop, selector: selectors.BaseSelector | None = None, debug: bool = False
) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Protocol, sock=listener)
        while not stop.is_set():
            await asyncio.sleep(GLANCE)
        server.close()

    loop = asyncio.SelectorEventLoop(selector or selectors.EpollSelector())
    loop.set_debug(debug)
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


def asyncio_watched(listener: socket.socket, stop: Stop) -> None:
    asyncio_protocol(listener, stop, RecordingSelector(selectors.EpollSelector()))


def asyncio_debug(listener: socket.socket, stop: Stop) -> None:
    asyncio_protocol(listener, stop, debug=True)


def cpu_per_round_trip(server: Server, connections: int, active: int, seconds: float = 0.5) -> float:
    """Nanoseconds of the server thread's CPU for one echo of 64 bytes, warmed up."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    address, stop = listener.getsockname(), Stop()
    thread = threading.Thread(target=server, args=(listener, stop))
    thread.start()
    assert thread.ident is not None
    try:
        with Crowd(address, connections) as crowd:
            crowd.ready()
            clock = time.pthread_getcpuclockid(thread.ident)
            crowd.echo(active, seconds=0.15)
            before = time.clock_gettime_ns(clock)
            done = crowd.echo(active, seconds=seconds)
            return (time.clock_gettime_ns(clock) - before) / done["round_trips"]
    finally:
        stop.set()
        thread.join(10)
        if listener.fileno() >= 0:
            listener.close()


def ratio(a: Callable[[], float], b: Callable[[], float], rounds: int = 7) -> tuple[float, float]:
    """(median of a/b over `rounds` pairs taken in turn, the largest spread from it)."""
    pairs = []
    for each in range(rounds):
        first, second = (a(), b()) if each % 2 else tuple(reversed((b(), a())))
        pairs.append(first / second)
    middle = statistics.median(pairs)
    return middle, max(abs(pair - middle) for pair in pairs)
