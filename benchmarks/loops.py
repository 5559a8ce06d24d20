"""The loop against code that needs nothing else, and what idle connections cost one that is active."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks import servers
from benchmarks.rows import Measure, compared
from labkit import kernel


def loop() -> Iterator[Measure]:
    """CPU of one round trip against bare epoll."""
    for active in (1, 100):
        for name, make, bar in (
            ("our Loop", servers.OurLoop, 1.10),
            ("asyncore (poll2)", servers.Asyncore, None),
            ("asyncio", servers.Asyncio, None),
        ):
            what = f"{name} against bare epoll, {servers.clients(active)}"
            yield compared(what, partial(servers.apart, make, servers.BareEpoll, active), bar)


def idle() -> Iterator[Measure]:
    """CPU of one round trip among many that are idle, against few."""
    many = min(10_000, kernel.fd_room() - 200)
    crowd = f"1 active among {many:,} idle against 10"
    for name, make, bar in (
        ("our Loop", servers.OurLoop, 1.05),
        ("our Loop, recorded", servers.Recorded, 1.1),
    ):
        yield compared(f"{name}: {crowd}", partial(servers.apart, make, make, 1, (many, 10)), bar)
    make = servers.AsyncoreSelect
    what = "asyncore (select): 480 idle against none"
    yield compared(what, partial(servers.apart, make, make, 1, (480, 0)))
