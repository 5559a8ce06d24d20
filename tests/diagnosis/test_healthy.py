"""On healthy loops nothing is found: the lab's own and other people's, on a machine that is loaded too."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from labkit import Channel, Lab, Peer, RecordingSelector, Tape, diagnose, watch
from labkit.lab.asyncore_host import server
from labkit.lab.scenarios import SCENARIOS, Echo, Lines
from labkit.loop import READ
from labkit.record.recorder import Recorder
from tests.diagnosis.patients import asyncore, judged

BURN = "while True: pass"
SELECTORS = "select", "poll", "epoll"


@pytest.fixture(params=["quiet", pytest.param("loaded", marks=pytest.mark.slow)])
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """A machine with nothing else to do, and one on which more programs than processors compute."""
    loaded = request.param == "loaded"
    burners = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(4 if loaded else 0)]
    yield request.param
    for each in burners:
        each.kill()
        each.wait()


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios(name: str, selector: str, machine: str):
    assert judged(lambda: SCENARIOS[name](selector)) == []


# ---- random labs -----------------------------------------------------------------------------------------


class Bounded(Channel):
    """An echo that stops reading while its write buffer is full."""

    def handle_read(self) -> None:
        self.write(self.recv(4096))
        if not self.closing and len(self.write_buffer) > 16384:
            self.declare(self.interest & ~READ)

    def handle_write(self) -> None:
        super().handle_write()
        if not self.closing and len(self.write_buffer) < 4096:
            self.declare(self.interest | READ)


class Late(Channel):
    """Answers when the peer has sent everything."""

    def handle_read(self) -> None:
        self.read_buffer += self.recv(1000)

    def handle_close(self) -> None:
        self.write(bytes(self.read_buffer))
        super().handle_close()


HANDLERS = Echo, Lines, Bounded, Late


@pytest.mark.parametrize(
    "seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 50))]
)
def test_random_labs(seed: int):
    assert judged(lambda: random_lab(seed)) == []


def random_lab(seed: int) -> Tape:
    """Peers that connect, send, read, stop, close and reset as chance has it; in the end they read."""
    chance = random.Random(seed)
    buffers = chance.choice([None, 4096, 8192])
    with Lab(chance.choice(HANDLERS), selector=chance.choice(SELECTORS), buffers=buffers) as lab:
        peers: list[Peer] = []
        for turn in range(chance.randrange(40, 160)):
            if not peers or (chance.random() < 0.1 and len(peers) < 8):
                peers.append(lab.connect(f"peer {turn}"))
            poke(chance, chance.choice(peers))
            peers = [each for each in peers if each.open]
            if chance.random() < 0.1:
                lab.run(0.01)
            else:
                lab.step(chance.randrange(1, 4))
        for _ in range(20):
            for each in peers:
                with contextlib.suppress(OSError):
                    while each.recv():
                        pass
            lab.step(2)
        return lab.tape


def poke(chance: random.Random, peer: Peer) -> None:
    action = chance.choices(["send", "recv", "shutdown", "close", "reset"], [50, 40, 3, 4, 3])[0]
    with contextlib.suppress(OSError):
        if action == "send":
            peer.send(chance.choice([b"x", b"\n"]) * chance.choice([1, 100, 1000, 1024, 2048, 5000]))
        elif action == "recv":
            peer.recv(chance.choice([100, 65536]))
        else:
            getattr(peer, action)()


def test_what_was_accepted_before_the_first_wait_is_nobody_elses():
    """Its fd is ready in iteration 0, which also tells of the accept."""
    recorder = Recorder()
    listener = recorder.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    with (
        RecordingSelector(recorder=recorder) as selector,
        socket.create_connection(listener.getsockname()) as alice,
    ):
        here, _ = listener.accept()
        selector.register(here, READ)
        alice.send(b"hello")
        selector.select(1)
        here.recv(10)
        selector.select(0)
        here.close()
    listener.close()
    assert recorder.tape[0].calls[0].at_ns < 0 and recorder.tape[0].ready
    assert diagnose(recorder.tape) == []


# ---- other people's servers ------------------------------------------------------------------------------


def test_the_echo_server_of_asyncores_documentation(machine: str):
    class EchoHandler(asyncore.dispatcher_with_send):
        def handle_read(self) -> None:
            data = self.recv(8192)
            if data:
                self.send(data)

    address = server(EchoHandler)().socket.getsockname()
    try:
        for use_poll in (False, True):
            with watch(asyncore) as tape:
                client = Client(address)
                while client.is_alive():
                    asyncore.loop(timeout=0.05, use_poll=use_poll, count=10)
            assert diagnose(tape) == []
    finally:
        asyncore.close_all()


class Client(threading.Thread):
    """Blocking clients in a thread: each asks, reads its answer, and closes."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.start()

    def run(self) -> None:
        for size in (1, 1000, 8192, 100_000):
            with socket.create_connection(self.address, 10) as sock:
                for _ in range(5):
                    sock.sendall(b"x" * size)
                    left = size
                    while left:
                        left -= len(sock.recv(65536))


async def ask(address: tuple[str, int], times: int = 20) -> None:
    """One client of an asyncio echo server."""
    reader, writer = await asyncio.open_connection(*address)
    for n in range(times):
        writer.write(b"x" * (1 + 997 * n))
        await writer.drain()
        assert len(await reader.readexactly(1 + 997 * n)) == 1 + 997 * n
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("calls", [False, True])
def test_the_echo_servers_of_asyncios_documentation(calls: bool, machine: str):
    class EchoProtocol(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def main() -> Tape:
        loop = asyncio.get_running_loop()
        with watch(loop, calls=calls) as tape:
            streams = await asyncio.start_server(handle, "127.0.0.1", 0)
            protocols = await loop.create_server(EchoProtocol, "127.0.0.1", 0)
            async with streams, protocols:
                for server in (streams, protocols):
                    address = server.sockets[0].getsockname()
                    await asyncio.gather(*(ask(address) for _ in range(10)))
        return tape

    assert judged(lambda: asyncio.run(main())) == []


async def get(address: tuple[str, int], path: bytes, times: int) -> None:
    """One HTTP client that keeps its connection."""
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(times):
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.close()
    await writer.wait_closed()


@pytest.mark.slow
@pytest.mark.parametrize("calls", [False, True])
def test_aiohttp_under_load(calls: bool, machine: str):
    web = pytest.importorskip("aiohttp.web")

    async def hello(request: Any) -> Any:
        return web.Response(body=b"x" * int(request.match_info["size"]))

    async def main() -> Tape:
        app = web.Application()
        app.router.add_get("/{size}", hello)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = runner.addresses[0][:2]
        await get(address, b"/1", 1)  # what it imports on its first request is no illness
        with watch(asyncio.get_running_loop(), calls=calls) as tape:
            sizes = (b"/1", b"/1000", b"/65536", b"/300000")
            await asyncio.gather(*(get(address, sizes[n % 4], 20) for n in range(20)))
        await runner.cleanup()
        return tape

    assert judged(lambda: asyncio.run(main())) == []


@pytest.mark.slow
@pytest.mark.parametrize("calls", [False, True])
def test_uvicorn_under_load(calls: bool, machine: str):
    uvicorn = pytest.importorskip("uvicorn")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            body = b"x" * int(scope["path"][1:])
            headers = [(b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def main() -> Tape:
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, loop="asyncio", lifespan="off", log_level="error")
        )
        server.install_signal_handlers = lambda: None
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        address = server.servers[0].sockets[0].getsockname()
        await get(address, b"/1", 1)
        with watch(asyncio.get_running_loop(), calls=calls) as tape:
            sizes = (b"/1", b"/1000", b"/65536", b"/300000")
            await asyncio.gather(*(get(address, sizes[n % 4], 20) for n in range(20)))
        server.should_exit = True
        await serving
        return tape

    assert judged(lambda: asyncio.run(main())) == []
