"""What watch() costs an echo server that knows nothing of it: CPU watched against CPU unwatched.

python -m benchmarks.watching
"""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Callable

from benchmarks.servers import (
    GLANCE,
    Server,
    Stop,
    _Protocol,
    asyncore,
    asyncore_poll,
    asyncore_select,
    cpu_per_round_trip,
    ratio,
)
from labkit import Tape, watch

CONNECTIONS = (1, 100)


def asyncio_watched(listener: socket.socket, stop: Stop) -> None:
    """The waits and the calls of an unmodified asyncio server."""
    loop = asyncio.SelectorEventLoop(selectors.EpollSelector())
    with watch(loop, Tape(2**22)):
        serve(loop, listener, stop)
    loop.close()


def asyncio_plain(listener: socket.socket, stop: Stop) -> None:
    loop = asyncio.SelectorEventLoop(selectors.EpollSelector())
    serve(loop, listener, stop)
    loop.close()


def serve(loop: asyncio.SelectorEventLoop, listener: socket.socket, stop: Stop) -> None:
    async def main() -> None:
        server = await loop.create_server(_Protocol, sock=listener)
        while not stop.is_set():
            await asyncio.sleep(GLANCE)
        server.close()

    loop.run_until_complete(main())


def watched(server: Server) -> Server:
    """An asyncore server, watched."""

    def serve(listener: socket.socket, stop: Stop) -> None:
        with watch(asyncore, Tape(2**22)):
            server(listener, stop)

    return serve


PAIRS: dict[str, tuple[Server, Server]] = {
    "asyncio": (asyncio_watched, asyncio_plain),
    "asyncore, poll2": (watched(asyncore_poll), asyncore_poll),
    "asyncore, poll": (watched(asyncore_select), asyncore_select),
}


def measure(server: Server, connections: int) -> Callable[[], float]:
    return lambda: cpu_per_round_trip(server, connections, connections)


def main() -> None:
    for name, (with_watch, without) in PAIRS.items():
        for connections in CONNECTIONS:
            middle, spread = ratio(measure(with_watch, connections), measure(without, connections), rounds=5)
            print(f"{name:>16}, {connections:>3} connections: watched costs {middle:.2f}× (± {spread:.2f})")


if __name__ == "__main__":
    main()
