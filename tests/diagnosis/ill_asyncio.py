"""Programs on asyncio that are ill, watched with their calls, and their healthy twins.

asyncio's own transports keep unsent bytes, set TCP_NODELAY, close at the end of a stream and rest when no fd
is free. So some illnesses need a socket of one's own, which add_reader() and add_writer() are for. A client
is closed before its server, which since Python 3.12 waits for its connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from labkit import Tape, watch
from tests.diagnosis.ill_spins import no_more_fds
from tests.diagnosis.patients import patient

Loop = asyncio.AbstractEventLoop
Handler = Callable[[Loop, socket.socket], object]
Script = Callable[[Loop, socket.socket], Awaitable[object]]


def on_a_socket(handler: Handler, script: Script, buffers: int | None = None) -> Tape:
    """A loop that calls `handler` when its end of a connection can be read; `script` has the other end."""

    async def main() -> Tape:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as there:
            if buffers:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
                there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
            there.connect(listener.getsockname())
            here, _ = listener.accept()
            with here, watch(loop, calls=True) as tape:
                here.setblocking(False)
                there.setblocking(False)
                loop.add_reader(here, handler, loop, here)
                await script(loop, there)
                if here.fileno() >= 0:
                    loop.remove_reader(here)
                    loop.remove_writer(here)
        return tape

    return asyncio.run(main())


async def turns(count: int) -> None:
    """Let the loop turn so often."""
    for _ in range(count):
        await asyncio.sleep(0)


@patient("write-spin")
def asks_to_write_in_asyncio(healthy: bool) -> Tape:
    def handler(loop: Loop, here: socket.socket) -> None:
        here.send(here.recv(100))
        if not healthy:
            loop.add_writer(here, lambda _: None, here)

    async def script(loop: Loop, there: socket.socket) -> None:
        there.send(b"hello")
        await turns(8)

    return on_a_socket(handler, script)


@patient("eof-spin")
def ignores_the_end_in_asyncio(healthy: bool) -> Tape:
    def handler(loop: Loop, here: socket.socket) -> None:
        if not here.recv(100) and healthy:
            loop.remove_reader(here)

    async def script(loop: Loop, there: socket.socket) -> None:
        there.send(b"hello")
        there.shutdown(socket.SHUT_WR)
        await turns(8)

    return on_a_socket(handler, script)


@patient("unread")
def does_not_read_in_asyncio(healthy: bool) -> Tape:
    async def main() -> Tape:
        class Idle(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                transport.pause_reading() if healthy else later(transport)  # type: ignore[attr-defined]

        def later(transport: asyncio.BaseTransport) -> None:
            """What a slip in a transport of one's own does: asked about, and nobody reads."""
            sock = transport.get_extra_info("socket")
            loop.call_soon(loop._add_reader, sock.fileno(), lambda: None)  # type: ignore[attr-defined]

        loop = asyncio.get_running_loop()
        async with await loop.create_server(Idle, "127.0.0.1", 0) as server:
            with watch(loop, calls=True) as tape, socket.socket() as there:
                there.setblocking(False)
                await loop.sock_connect(there, server.sockets[0].getsockname())
                there.send(b"hello")
                await turns(12)
            for transport in list(loop._transports.values()):  # type: ignore[attr-defined]
                transport.abort()
        return tape

    return asyncio.run(main())


@patient("emfile-spin")
def runs_out_of_fds_in_asyncio(healthy: bool) -> Tape:
    """With a reader of its own on the listener: asyncio's servers let it rest for a second."""

    async def main() -> Tape:
        loop = asyncio.get_running_loop()
        accepted: list[socket.socket] = []

        def accept(listener: socket.socket) -> None:
            with contextlib.suppress(OSError):
                accepted.append(listener.accept()[0])

        with socket.create_server(("127.0.0.1", 0)) as listener, watch(loop, calls=True) as tape:
            listener.setblocking(False)
            loop.add_reader(listener, accept, listener)
            client = socket.create_connection(listener.getsockname())
            with client, contextlib.nullcontext() if healthy else no_more_fds():
                await turns(8)
            loop.remove_reader(listener)
            for each in accepted:
                each.close()
        return tape

    return asyncio.run(main())


@patient("partial-write")
def sends_once_in_asyncio(healthy: bool) -> Tape:
    rest = bytearray()

    def handler(loop: Loop, here: socket.socket) -> None:
        if here.recv(100):
            rest.extend(b"x" * 500_000)
            write(loop, here)

    def write(loop: Loop, here: socket.socket) -> None:
        del rest[: here.send(rest)]
        if rest and healthy:
            loop.add_writer(here, write, loop, here)
        else:
            loop.remove_writer(here)

    async def script(loop: Loop, there: socket.socket) -> None:
        there.send(b"?")
        for _ in range(200):
            await asyncio.sleep(0.001)
            with contextlib.suppress(BlockingIOError):
                there.recv(65536)

    return on_a_socket(handler, script, buffers=4096)


@patient("sent-after-close")
def replies_to_nobody_in_asyncio(healthy: bool) -> Tape:
    def handler(loop: Loop, here: socket.socket) -> None:
        data = here.recv(100)
        if not data:
            loop.remove_reader(here)
            here.close()
        if data or not healthy:
            with contextlib.suppress(OSError):
                here.send(b"pong")

    async def script(loop: Loop, there: socket.socket) -> None:
        there.send(b"hello")
        await turns(3)
        there.shutdown(socket.SHUT_WR)
        await turns(3)

    return on_a_socket(handler, script)


@patient("unbounded-buffer")
def keeps_everything_in_asyncio(healthy: bool) -> Tape:
    """The commonest of all: write() without await drain(), to one who reads more slowly."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        for _ in range(120):
            writer.write(b"x" * 65536)
            await asyncio.sleep(0.001)
            if healthy:
                await writer.drain()
        writer.transport.abort()

    async def main() -> Tape:
        loop = asyncio.get_running_loop()
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            with watch(loop, calls=True) as tape, socket.socket() as there:
                there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
                there.setblocking(False)
                await loop.sock_connect(there, server.sockets[0].getsockname())
                with contextlib.suppress(ConnectionError):
                    while await loop.sock_recv(there, 1 << 20 if healthy else 16384):
                        await asyncio.sleep(0.001)
        return tape

    return asyncio.run(main())


@patient("half-close")
def drops_the_reply_in_asyncio(healthy: bool) -> Tape:
    async def main() -> Tape:
        class Hasty(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = transport

            def data_received(self, data: bytes) -> None:
                self.transport.write(b"x" * 10_000_000)  # type: ignore[attr-defined]

            def eof_received(self) -> None:
                if not healthy:
                    self.transport.abort()  # type: ignore[attr-defined]

        loop = asyncio.get_running_loop()
        async with await loop.create_server(Hasty, "127.0.0.1", 0) as server:
            with watch(loop, calls=True) as tape, socket.socket() as there:
                there.setblocking(False)
                await loop.sock_connect(there, server.sockets[0].getsockname())
                there.send(b"?")
                await turns(4)
                there.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError):
                    while await loop.sock_recv(there, 1 << 20):
                        pass
        return tape

    return asyncio.run(main())


@patient("starvation")
def reads_on_and_on_in_asyncio(healthy: bool) -> Tape:
    """It reads all that has come, in small pieces, while somebody else waits with one byte."""

    def handler(loop: Loop, here: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while here.recv(64) and not healthy:
                pass

    async def script(loop: Loop, there: socket.socket) -> None:
        bob, waits = socket.socketpair()
        with bob, waits:
            waits.setblocking(False)
            loop.add_reader(waits, waits.recv, 100)
            with contextlib.suppress(BlockingIOError):
                while True:
                    there.send(b"x" * 65536)
            bob.send(b"?")
            await asyncio.sleep(0.2)
            loop.remove_reader(waits)

    return on_a_socket(handler, script)


@patient("quadratic-buffer")
def copies_its_read_buffer_in_asyncio(healthy: bool) -> Tape:
    async def main() -> Tape:
        class Copies(asyncio.BufferedProtocol):
            def __init__(self) -> None:
                self.buffer: bytes | bytearray = bytearray() if healthy else b""
                self.piece = bytearray(1024)
                made.append(self)

            def get_buffer(self, size: int) -> bytearray:
                return self.piece

            def buffer_updated(self, size: int) -> None:
                self.buffer += self.piece[:size]  # of bytes, that is a copy of all of them

        made: list[Copies] = []
        loop = asyncio.get_running_loop()
        async with await loop.create_server(Copies, "127.0.0.1", 0) as server:
            with watch(loop, calls=True) as tape, socket.socket() as there:
                there.setblocking(False)
                await loop.sock_connect(there, server.sockets[0].getsockname())
                await loop.sock_sendall(there, b"x" * 3_000_000)
                while len(made[0].buffer) < 3_000_000:
                    await asyncio.sleep(0.001)
        return tape

    return asyncio.run(main())
