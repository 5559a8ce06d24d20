"""A race of RPC servers on the same load: the reader's loop, asyncore, asyncio, and labkit's own.

    rates = race(my_server)            # my_server(listener, selector) never returns; {name: calls a second}

Each server is a process of its own (`python -m labkit.teaching.race NAME`), the clients are this one's. A
rate is the median of rounds in which all of them take turns. It judges no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from labkit.loop import Listener, Loop
from labkit.rpc.framing import Decoder, ProtocolError, encode
from labkit.rpc.rpc import Client, Handler, RPCError
from labkit.teaching.practice_source import source_of
from labkit.teaching.practice_stages import Ended

CLIENTS, CALLS, ROUNDS = 8, 800, 5
STARTS_WITHIN, ANSWERS_WITHIN = 30.0, 5.0  # seconds
ROOT = Path(__file__).resolve().parents[2]
METHODS: dict[str, Callable[[Any], tuple[str, Any]]] = {"ping": lambda params: ("pong", params)}


def race(server: Any, calls: int = CALLS, rounds: int = ROUNDS) -> dict[str, float]:
    """{name: calls a second} of `server`, "yours", and of three others. One that does not answer is left out.

    Why yours did not answer is printed. `server` is a function of this notebook, or the path of a file with a
    function my_server.
    """
    text, name = source_of(server, "my_server")
    with contextlib.ExitStack() as made:
        folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="labkit-race-")))
        (folder / "yours.py").write_text(text, encoding="utf-8")
        names, clients = ("yours", "asyncore", "asyncio", "labkit"), {}
        started = {each: made.enter_context(_process(each, folder, name)) for each in names}
        for each, (address, ready) in started.items():
            select.select([ready], [], [], STARTS_WITHIN)
            try:
                several = (Client(address, timeout=ANSWERS_WITHIN) for _ in range(CLIENTS))
                callers = [made.enter_context(each) for each in several]
                _calls(callers, 2 * CLIENTS)
                clients[each] = callers
            except (OSError, RPCError, ProtocolError, ValueError) as error:
                print(f"{each} does not answer: {error}{_last_words(folder / each)}")
        return _rates(clients, calls, rounds)


def _rates(clients: dict[str, list[Client]], calls: int, rounds: int) -> dict[str, float]:
    rates: dict[str, list[float]] = {name: [] for name in clients}
    for number in range(rounds):
        order = [*clients][number % len(clients) :] + [*clients][: number % len(clients)]
        for name in order:
            began = time.perf_counter()
            _calls(clients[name], calls)
            rates[name].append(calls / (time.perf_counter() - began))
    return {name: statistics.median(each) for name, each in rates.items()}


def _calls(clients: list[Client], calls: int) -> None:
    """All clients ask, and then all are answered, again and again; ValueError for a wrong answer."""
    for number in range(calls // len(clients)):
        for client in clients:
            client.send("ping", number)
        for client in clients:
            if client.receive() != number:
                raise ValueError("it answers something else than what was asked")


@contextlib.contextmanager
def _process(name: str, folder: Path, function: str) -> Iterator[tuple[tuple[str, int], int]]:
    """A server's process: its address, and a pipe that can be read from once it is about to serve."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    ready, tells = os.pipe()
    listener = socket.create_server(("127.0.0.1", 0), backlog=2 * CLIENTS)
    with listener, open(folder / name, "wb") as words:
        fds = (listener.fileno(), tells)
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", __name__, name, *map(str, fds), function],
            stdin=subprocess.PIPE, stdout=words, stderr=words, pass_fds=fds, cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        os.close(tells)
        address = listener.getsockname()
    try:
        yield address, ready
    finally:
        os.close(ready)
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def _last_words(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f" ({lines[-1].rpartition(Ended.__name__ + ': ')[2]})" if lines else ""


# ---- the servers, each in its process ----------------------------------------------------------------------


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport, self.decoder = transport, Decoder()

    def data_received(self, data: bytes) -> None:
        self.transport.write(replies(self.decoder, data))


def replies(decoder: Decoder, data: bytes) -> bytes:
    """The frames that answer those which are complete with `data`."""
    decoder.feed(data)
    found = bytearray()
    for request in decoder:
        out, result = METHODS[request["in"]](request["params"])
        found += encode({"out": out, "result": result})
    return bytes(found)


def _on_asyncio(listener: socket.socket) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Answering, sock=listener)
        await server.serve_forever()

    asyncio.run(main())


def _on_asyncore(listener: socket.socket) -> None:
    import asyncore

    class Answering(asyncore.dispatcher_with_send):
        def __init__(self, sock: socket.socket) -> None:
            super().__init__(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.decoder = Decoder()

        def handle_read(self) -> None:
            data = self.recv(65536)
            if data:
                self.send(replies(self.decoder, data))

    class Accepting(asyncore.dispatcher):
        def __init__(self) -> None:
            super().__init__(listener)
            self.accepting = True

        def handle_accepted(self, sock: socket.socket, address: Any) -> None:
            Answering(sock)

    accepting = Accepting()
    asyncore.loop(timeout=3600)
    accepting.close()


def _on_labkit(listener: socket.socket) -> None:
    loop = Loop()
    Listener(loop, listener, type("Answering", (Handler,), {"methods": METHODS}))
    while True:
        loop.run_once()


def _main(name: str, fd: int, tells: int, function: str) -> None:
    # It ends with its maker, who holds the other end of stdin.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    listener = socket.socket(fileno=fd)
    listener.setblocking(False)
    os.close(tells)
    if name == "yours":
        space: dict[str, Any] = {"__name__": "yours"}
        exec(compile(Path("yours.py").read_text(encoding="utf-8"), "yours.py", "exec"), space)
        space[function](listener, selectors.DefaultSelector())
    else:
        {"asyncore": _on_asyncore, "asyncio": _on_asyncio, "labkit": _on_labkit}[name](listener)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
