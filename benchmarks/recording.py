"""What recording costs: our loop, asyncio, asyncore, a loop that registers much; and the tape's memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from functools import partial

from benchmarks import servers
from benchmarks.rows import LEAST, Measure, compared, valued
from labkit import Tape, watch


def recording() -> Iterator[Measure]:
    """CPU of one round trip, recorded against not."""
    for active, bar in ((1, 1.5), (100, 1.25)):
        what = f"our Loop recorded, all buffers and every call, against not, {servers.clients(active)}"
        yield compared(what, partial(servers.apart, servers.Recorded, servers.OurLoop, active), bar)
        what = f"{LEAST}, of our Loop, against not, {servers.clients(active)}"
        yield compared(what, partial(servers.apart, servers.Asked, servers.OurLoop, active))
    for name, make, bar in (
        ("watched", servers.WatchedAsyncio, 1.05),
        ("watched with calls and buffers", servers.WatchedAsyncioCalls, 1.25),
    ):
        what = f"an asyncio server {name}, against not, 100 connections"
        yield compared(what, partial(servers.apart, make, servers.Asyncio, 100), bar)
    what = f"{LEAST}, of an asyncio server with calls and buffers, against not, 100 connections"
    yield compared(what, partial(servers.apart, servers.AskedAsyncio, servers.Asyncio, 100))
    what = "an asyncio server in its debug mode, against not, 100 connections"
    yield compared(what, partial(servers.apart, servers.AsyncioDebug, servers.Asyncio, 100))
    what = "an asyncio loop that registers anew for each wait, watched against not"
    yield compared(
        what,
        partial(servers.apart, servers.WatchedRegistering, servers.Registering, 1),
        1.15,
    )
    what = f"{LEAST}, of an asyncio loop that registers anew, against not"
    yield compared(what, partial(servers.apart, servers.AskedRegistering, servers.Registering, 1))
    what = "an asyncore server, watched with its methods and buffers, against not, 100 connections"
    yield compared(what, asyncore_watched)


def asyncore_watched() -> tuple[float, float]:
    """One server, watched for a while and not watched for a while: watch() is about the whole module."""
    watched, plain = [], []
    with servers.Bench(servers.Asyncore, 100) as bench:
        for _ in range(9):
            plain.append(bench.cpu(20))
            with watch(servers.asyncore):
                watched.append(bench.cpu(20))
    return sorted(watched)[4], sorted(plain)[4]


def memory() -> Iterator[Measure]:
    """Bytes that an iteration takes on the tape."""
    yield valued("tape memory of an iteration with 4 connections and 8 calls", bytes_of_one, 80, "bytes")


def bytes_of_one() -> float:
    """What the process holds more after a run, by tracemalloc, over the iterations that are on the tape."""
    with servers.Bench(servers.Recorded, 4) as bench:
        tape: Tape = bench.server.tape  # type: ignore[attr-defined]
        gc.collect()
        tracemalloc.start()
        try:
            before, first = tracemalloc.get_traced_memory()[0], len(tape)
            bench.cpu(10_000)
            gc.collect()
            return (tracemalloc.get_traced_memory()[0] - before) / (len(tape) - first)
        finally:
            tracemalloc.stop()
