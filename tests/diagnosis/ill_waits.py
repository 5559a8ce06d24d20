"""Servers that let everybody wait, or let something grow, and their healthy twins."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time

from labkit import Channel, Lab, RecordingSelector, Tape, watch
from labkit.lab.asyncore_host import hosted
from labkit.lab.scenarios import Echo
from labkit.loop import READ
from labkit.record.recorder import Recorder
from tests.diagnosis.patients import Quiet, patient
from tests.helpers import until


@patient("blocking")
def sleeps_in_a_lab(healthy: bool) -> Tape:
    class Slow(Echo):
        def handle_read(self) -> None:
            data = self.recv(100)
            if data == b"slow" and not healthy:
                time.sleep(0.15)
            self.write(data)

    with Lab(Slow) as lab:
        alice, bob = lab.connect("alice"), lab.connect("bob")
        lab.step(2)
        alice.send(b"slow")
        bob.send(b"hello")
        lab.run()
        until(lambda: alice.recv())
        until(lambda: bob.recv())
        lab.pause()
        return lab.tape


@patient("blocking")
def sleeps_in_asyncore(healthy: bool) -> Tape:
    class Slow(Quiet):
        def handle_read(self) -> None:
            data = self.recv(100)
            if data:
                self.ping(data)

        def ping(self, data: bytes) -> None:
            if not healthy:
                time.sleep(0.15)
            self.send(data)

    with hosted(Slow) as lab:
        alice, bob = lab.connect("alice"), lab.connect("bob")
        lab.step(2)
        alice.send(b"slow")
        lab.run()
        until(lambda: alice.recv())
        bob.send(b"hello")
        until(lambda: bob.recv())
        lab.pause()
        return lab.tape


@patient("blocking")
def sleeps_in_asyncio(healthy: bool) -> Tape:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        await asyncio.sleep(0.15) if healthy else time.sleep(0.15)  # type: ignore[func-returns-value]
        writer.close()

    async def main() -> Tape:
        with watch(asyncio.get_running_loop(), calls=True) as tape:
            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            async with server:
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                writer.write(b"?")
                await reader.read()
                writer.close()
                await writer.wait_closed()
        return tape

    return asyncio.run(main())


FLOOD = (
    "import socket, sys\n"
    "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
    "while True: s.sendall(b'x' * 65536)"
)


@patient("starvation")
def reads_a_flood_to_its_end(healthy: bool) -> Tape:
    class Drain(Channel):
        def handle_read(self) -> None:
            end = time.monotonic() + 0.3
            while self.recv(256) and not healthy and time.monotonic() < end:
                pass

    with Lab(Drain) as lab:
        alice = lab.connect("alice")
        lab.step()
        flood = subprocess.Popen(
            [sys.executable, "-c", FLOOD, str(lab.address[1])], stderr=subprocess.DEVNULL
        )
        try:
            lab.run()
            until(lambda: len(lab.tape) > 3)
            alice.send(b"hello")
            count = len(lab.tape)
            until(lambda: len(lab.tape) > count + (300 if healthy else 2))
            lab.pause()
        finally:
            flood.kill()
            flood.wait()
        return lab.tape


@patient("starvation")
def serves_the_first_only(healthy: bool) -> Tape:
    recorder = Recorder()
    here = [recorder.socket() for _ in range(2)]
    with socket.create_server(("127.0.0.1", 0)) as listener, RecordingSelector(recorder=recorder) as selector:
        there = []
        for each in here:
            each.connect(listener.getsockname())
            there.append(listener.accept()[0])
            selector.register(each, READ)
        there[1].send(b"hello")
        for _ in range(15):
            there[0].send(b"x")
            ready = sorted(selector.select(1), key=lambda pair: pair[0].fd)
            for key, _ in ready if healthy else ready[:1]:
                key.fileobj.recv(100)  # type: ignore[union-attr]
        for key, _ in selector.select(1):
            key.fileobj.recv(100)  # type: ignore[union-attr]
        for each in here + there:
            each.close()
    return recorder.tape


@patient("nagle")
def replies_in_pieces_in_a_lab(healthy: bool) -> Tape:
    class Pieces(Channel):
        def handle_read(self) -> None:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
            data = self.recv(100)
            if data and healthy:
                self.write(b"head" + data)
            elif data:
                self.write(b"head")
                self.write(data)

    return _asked_20_times(Lab(Pieces))


@patient("nagle")
def replies_in_pieces_in_asyncore(healthy: bool) -> Tape:
    class Pieces(Quiet):
        def handle_read(self) -> None:
            data = self.recv(100)
            if data and healthy:
                self.send(b"head" + data)
            elif data:
                self.send(b"head")
                self.send(data)

    return _asked_20_times(hosted(Pieces))


def _asked_20_times(lab: Lab) -> Tape:
    with lab:
        alice = lab.connect("alice")
        lab.run()
        for _ in range(20):
            alice.send(b"hello")
            got = b""
            end = time.monotonic() + 5
            while len(got) < 9 and time.monotonic() < end:
                got += alice.recv()
                time.sleep(0.001)
        lab.pause()
        return lab.tape


@patient("unbounded-buffer", "peer-never-reads")
def keeps_everything_in_a_lab(healthy: bool) -> Tape:
    class Bounded(Channel):
        def handle_read(self) -> None:
            self.write(self.recv(8192))
            if healthy and len(self.write_buffer) > 16384:
                self.declare(self.interest & ~READ)

    with Lab(Bounded, buffers=4096) as lab:
        return _never_reads(lab, healthy)


@patient("unbounded-buffer", "peer-never-reads")
def keeps_everything_in_asyncore(healthy: bool) -> Tape:
    class Bounded(Quiet):
        def readable(self) -> bool:
            return not healthy or len(self.out_buffer) < 8192

    with hosted(Bounded, buffers=4096) as lab:
        return _never_reads(lab, healthy)


def _never_reads(lab: Lab, healthy: bool) -> Tape:
    """It never reads; of a healthy server, now and then."""
    alice = lab.connect("alice")
    for step in range(90):
        alice.send(b"x" * 4096)
        lab.step()
        if healthy and step % 10 == 0:
            alice.recv()
    return lab.tape


@patient("peer-never-reads")
def writes_to_who_does_not_read(healthy: bool) -> Tape:
    class Big(Channel):
        def handle_read(self) -> None:
            if self.recv(100):
                self.write(b"x" * 50_000)

    with Lab(Big, buffers=4096) as lab:
        alice = lab.connect("alice")
        alice.send(b"?")
        for _ in range(40):
            lab.step()
            while healthy and alice.recv():
                pass
        return lab.tape


@patient("peer-never-reads")
def writes_in_asyncio_to_who_does_not_read(healthy: bool) -> Tape:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 10_000_000)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def main() -> Tape:
        loop = asyncio.get_running_loop()
        # The client closes before the server does, which since Python 3.12 waits for its connections.
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            with watch(loop, calls=True) as tape, socket.socket() as client:
                client.setblocking(False)
                await loop.sock_connect(client, server.sockets[0].getsockname())
                if healthy:
                    while await loop.sock_recv(client, 1 << 20):
                        pass
                else:
                    await asyncio.sleep(2.5)
        return tape

    return asyncio.run(main())


@patient("quadratic-buffer")
def copies_its_read_buffer(healthy: bool) -> Tape:
    class Copies(Channel):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            if not healthy:
                self.read_buffer = b""  # type: ignore[assignment]

        def handle_read(self) -> None:
            data = self.recv(1024)
            self.read_buffer = self.read_buffer + data if not healthy else self.read_buffer
            if healthy:
                self.read_buffer += data

    with Lab(Copies) as lab:
        alice = lab.connect("alice")
        lab.run()
        sender = threading.Thread(target=_send_all, args=(alice, b"x" * 3_000_000))
        sender.start()
        sender.join(60)
        until(lambda: sum(map(len, (each.read_buffer for each in lab.channels.values()))) == 3_000_000, 60)
        lab.pause()
        return lab.tape


def _send_all(peer: object, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[peer.send(view) :]  # type: ignore[attr-defined]
        time.sleep(0.0005)
