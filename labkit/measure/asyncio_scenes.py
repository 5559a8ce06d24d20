"""asyncio's own loop in a thread of its own, serving one client, watched from outside.

The notebook's loop is an asyncio loop as well, and is at work: hence the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from labkit.measure.scenes import LOOPBACK, SECONDS
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape
from labkit.tape.turn import Event
from labkit.watching.watch import watch

PIECE = 16384  # what the client reads at a time


class Served(NamedTuple):
    tape: Tape
    turns: int  # of the loop, counted by itself
    received: bytes  # by the client


class Answering(asyncio.Protocol):
    """Answers whatever comes with `reply`."""

    def __init__(self, reply: bytes) -> None:
        self.reply = reply

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(self.reply)


class _Counting(asyncio.SelectorEventLoop):
    turns = 0

    def _run_once(self) -> None:
        self.turns += 1
        super()._run_once()  # type: ignore[misc]


def answered(reply: bytes, *, buffers: int | None = None) -> Served:
    """One client of an asyncio server asks once and reads all of `reply`, slowly; `buffers` as in pair()."""
    loop = _Counting()
    received: list[bytes] = []
    scene = asyncio.wait_for(_scene(lambda: Answering(reply), len(reply), buffers, received), SECONDS)
    with watch(loop, calls=True) as tape:
        thread = threading.Thread(target=loop.run_until_complete, args=(scene,), daemon=True)
        thread.start()
        thread.join(2 * SECONDS)
    loop.close()
    return Served(tape, loop.turns, b"".join(received))


async def _scene(
    protocol: Callable[[], asyncio.Protocol], size: int, buffers: int | None, received: list[bytes]
) -> None:
    listener = socket.create_server((LOOPBACK, 0))
    client = socket.socket()
    for sock in (listener, client) if buffers else ():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers or 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers or 0)
    server = await asyncio.get_running_loop().create_server(protocol, sock=listener)
    with client:
        client.connect(listener.getsockname())
        client.setblocking(False)
        client.send(b"please")
        while sum(map(len, received)) < size:
            await asyncio.sleep(0)
            with contextlib.suppress(BlockingIOError):
                received.append(client.recv(PIECE))
        for _ in range(3):
            await asyncio.sleep(0)
        server.close()


def asked_to_write(tape: Iterable[Iteration]) -> list[int]:
    """For each iteration 1 if the loop asked whether anything is writable, else 0."""
    return [int(any(events & Event.WRITE for events in it.interest.values())) for it in tape]
