"""Backpressure by drain: a coroutine that waits for its reader."""

import asyncio
import socket
from typing import Any

from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_reading import peak
from labkit.teaching.practice_stages import ServedByAsyncio

TITLE, LESSON, ANSWER, ORDER = "Backpressure by drain", "09", "serve", 3

STATEMENT = """
Write `async def serve(reader, writer)`: it answers each byte that a client sends with **20,000** bytes
(that byte, 20,000 times), and closes the connection when the client has ended. `await reader.read(n)`
takes up to `n` bytes. A client may send a hundred bytes and read nothing for a while; `writer.write`
takes whatever you give it and keeps it in memory.

**Judged:** less than 200,000 bytes wait in the writer's buffer at any time; everything arrives in order,
also after the client has said that it will send no more; other clients are served meanwhile.
"""

STUB = """
async def serve(reader, writer):
    while data := await reader.read(100):
        for byte in data:
            writer.write(bytes([byte]) * 20_000)
    writer.close()
"""

HINTS = (
    "writer.write() never waits. Which method of the writer does?",
    "await writer.drain() waits while more than 64 KiB are in the buffer. How often do you have to call it?",
    "After each writer.write(), in the inner loop. At the end writer.close() sends what is left; "
    "then await writer.wait_closed().",
)

EXPLANATION = """
`drain` returns at once while little is waiting, and sleeps while much is: it lets the slow reader set
the pace of your coroutine, and while you sleep in it you do not read either. The selector shows it: READ
and WRITE are asked for as `pause_reading` and the write buffer say. `write` without `drain` is a list
that grows.
"""


def host(answer: Any, **options: Any) -> ServedByAsyncio:
    async def main(listener: socket.socket) -> None:
        server = await asyncio.start_server(answer, sock=listener)
        async with server:
            await server.serve_forever()

    return ServedByAsyncio(main, **options)


def _asked(bench: Any) -> tuple[Any, Any, bytes]:
    stage = bench.open(buffers=8192)
    alice = stage.connect("alice")
    stage.quiet()
    data = bench.text(40)
    alice.send(data)
    stage.quiet()
    return stage, alice, b"".join(bytes([byte]) * 20_000 for byte in data)


def bounded(bench: Any) -> None:
    stage, alice, _ = _asked(bench)
    stage.take(alice, 30_000)
    stage.quiet()
    most, at = peak(stage.tape, stage.fd("alice"), "write_buffer")
    told = "All of it waits." if most > 700_000 else f"{most:,} wait."
    expect(most < 200_000, "Less than 200,000 bytes wait in the writer's buffer.", told, at)


def everything(bench: Any) -> None:
    stage, alice, whole = _asked(bench)
    alice.shutdown()
    got = stage.take(alice, len(whole), within=5.0)
    expect(
        len(got) == len(whole), f"alice reads, and gets {len(whole):,} bytes.", f"{len(got):,} came.", None
    )
    expect(got == whole, "They come in order.", "They do not.", None)
    stage.take(alice, 1)
    expect(alice.eof, "Then the connection is closed.", "It stays open.", None)


def others(bench: Any) -> None:
    stage, _, _ = _asked(bench)
    bob = stage.connect("bob")
    bob.send(b"b")
    got = stage.take(bob, 20_000, within=1.5)
    expect(
        got == b"b" * 20_000,
        "bob is served while alice does not read.",
        f"{len(got):,} of 20,000 bytes came.",
        None,
    )


CHECKS = (Check("bounded", 2, bounded), Check("everything", 2, everything), Check("others", 1, others))
