"""The same server in asyncio: lines in capitals, as coroutines."""

import asyncio
import socket
from typing import Any

from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import ServedByAsyncio

TITLE, LESSON, ANSWER, ORDER = "The same server in asyncio", "09", "serve", 1

STATEMENT = """
Write `async def serve(reader, writer)`, the server of *A handler that never blocks*, as a coroutine.
asyncio calls it once for each connection. Each line that the client sends is answered with the same line
in capitals, until the client ends; then the connection is closed.

`await reader.readline()` returns a line with its `\\n`, or what there is, without one, at the end.
`writer.write(data)`, `await writer.drain()`, `writer.close()`.

**Judged:** many lines on one connection; half a line, while others are served; the end; and that the
loop is never held up, and sleeps when nothing happens.
"""

STUB = """
async def serve(reader, writer):
    line = await reader.readline()
    writer.write(line.upper())
"""

HINTS = (
    "A coroutine may have a loop in it. When does it end?",
    'At the end of the stream readline() returns b"" at once, every time. Do not forget to close the writer.',
    "while line := await reader.readline(): writer.write(line.upper()); await writer.drain(). And"
    " then writer.close(); await writer.wait_closed().",
)

EXPLANATION = """
It reads like the blocking server of the first page of every book, and it serves everybody: each `await`
is a `return` to the loop, and the local variables wait meanwhile in the coroutine. On the tape you see
the same thing as for `Lines`: one `select` a turn, and `recv` where something was ready.
"""


def host(answer: Any, **options: Any) -> ServedByAsyncio:
    async def main(listener: socket.socket) -> None:
        server = await asyncio.start_server(answer, sock=listener)
        async with server:
            await server.serve_forever()

    return ServedByAsyncio(main, **options)


def _line(stage: Any, bench: Any, peer: Any, what: str) -> None:
    line = bench.text(8) + b"\n"
    stage.send(peer, line)
    got = stage.take(peer, len(line))
    expect(got == line.upper(), f"{what}: {line.upper()!r}.", f"{peer.name} got {bytes(got)!r}.", None)


def many_lines(bench: Any) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    for n in range(3):
        _line(stage, bench, alice, f"Line {n + 1} of alice's is answered")
    stage.quiet()


def half_a_line(bench: Any) -> None:
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    stage.quiet()
    alice.send(b"half a ")
    stage.quiet()
    early = stage.take(alice, 1, within=0.1)
    expect(not early, "Half a line is not answered.", f"alice got {early!r}.", None)
    _line(stage, bench, bob, "bob is served meanwhile")
    alice.send(b"line\n")
    got = stage.take(alice, 12)
    expect(
        got == b"HALF A LINE\n",
        "The rest comes, and alice's line is answered.",
        f"She got {bytes(got)!r}.",
        None,
    )


def the_end(bench: Any) -> None:
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    stage.quiet()
    alice.shutdown()
    quiet = stage.quiet()
    expect(quiet, "alice ends, and the loop sleeps again.", "It is held up.", None)
    _line(stage, bench, bob, "bob is served after alice's end")
    stage.take(alice, 1)
    expect(alice.eof, "alice ends, and her connection is closed.", "It stays open.", None)


CHECKS = (
    Check("many lines", 1, many_lines),
    Check("half a line", 2, half_a_line),
    Check("the end", 2, the_end),
)
