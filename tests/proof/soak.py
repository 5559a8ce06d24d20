"""Labs that are stepped, run, poked and reset for a long time: every byte balances, nothing is left behind.

Now and then a figure, a crowd in a process of its own, a watched asyncio server, and a watch on another
thread's selector come and go as well.

Each round is a new lab with peers that come, send, stop reading, half-close, reset and go at random (from a
seed that is printed). After each round the process may hold no fd or thread more than before the first one,
and its memory may not grow with the rounds. That is told twice: what the process holds, in which what the
allocator keeps for later counts as well, and how many blocks Python's objects take, in which it does not.
"""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import selectors
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from labkit import Channel, Lab, LiveFigure, kernel, watch
from labkit.figure.layout import TEXTS, fitted, room
from labkit.record.selectors import available

from .written import keep, kept, minutes, part

STEPS = 60  # random acts a round
PARTS = 6  # of the whole time, after each of which memory is noted


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(1024))


def main() -> None:
    left = minutes(__doc__)
    state: dict[str, Any] = kept("soak") or {"rounds": 0, "iterations": 0, "checks": 0, "unbalanced": 0}
    for _ in range(3):
        one_round(0)  # what is made once: imports, caches
    fds, threads = kernel.open_fds(), threading.active_count()
    whole = left()
    held = [memory_held()]
    while left() > 0:
        state["rounds"] += 1
        iterations, checks, unbalanced = one_round(state["rounds"])
        state["iterations"] += iterations
        state["checks"] += checks
        state["unbalanced"] += unbalanced
        gc.collect()
        assert not (left_open := files(kernel.open_fds() - fds)), f"round {state['rounds']} left {left_open}"
        assert threading.active_count() == threads, f"round {state['rounds']} left {threading.enumerate()}"
        if state["rounds"] % 50 == 0:
            keep("soak", state)
        if left() < whole * (1 - len(held) / PARTS):
            held.append(memory_held())
    keep("soak", state)
    sizes, blocks = (", ".join(map(str, each)) for each in zip(*held, strict=True))
    part(
        "soak",
        f"{state['rounds']:,} labs of {STEPS} random acts each, {state['iterations']:,} iterations; the "
        f"byte account was checked {state['checks']:,} times and failed {state['unbalanced']:,} times. "
        f"After each round: {len(fds)} fds and {threads} thread(s), as before the first. At the start of "
        f"this run of {whole / 60:.0f} minutes and after each of its {PARTS} parts the process held, in MiB: "
        f"{sizes}; and Python's objects, in thousands of blocks: {blocks} (without the texts that figures "
        f"remember, {TEXTS:,} at most).",
        "make proof-soak",
    )
    assert not state["unbalanced"]


def one_round(seed: int) -> tuple[int, int, int]:
    """(iterations, byte accounts checked, those that did not balance) of one lab."""
    chance = random.Random(seed)
    with Lab(
        Echo, selector=chance.choice([*set(available()) - {"busy"}]), buffers=chance.choice([4096, 16384])
    ) as lab:
        for _ in range(STEPS):
            act(lab, chance)
            lab.step() if chance.random() < 0.9 else lab.run(seconds=0.002)
        if seed % 5 == 0:
            figure = LiveFigure(lab.tape)
            figure.frame()
            figure.close()
        if seed % 10 == 0:
            crowd = lab.crowd(30)
            lab.run()
            crowd.echo(5, seconds=0.05)
            lab.pause()
        if seed % 7 == 0:
            asyncio.run(watched())
        if seed % 7 == 1:
            left_and_entered()
        turns = list(lab.tape)
    verdicts = [turn.balance(fd) for turn in turns for fd in turn.accounts]
    return len(turns), sum(v is not None for v in verdicts), sum(v is False for v in verdicts)


async def watched() -> None:
    """An asyncio echo that is watched while it serves one client."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))
        await writer.drain()
        writer.close()

    with watch(asyncio.get_running_loop(), calls=True) as tape:
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello")
            assert await reader.read() == b"hello"
            writer.close()
            await writer.wait_closed()
    assert len(tape)


def left_and_entered() -> None:
    """A selector that a thread waits at, while it begins and ends to be watched."""
    over = threading.Event()
    near, far = socket.socketpair()
    with selectors.DefaultSelector() as selector, near, far:
        selector.register(near, selectors.EVENT_READ)
        far.send(b"x")
        thread = threading.Thread(target=lambda: [selector.select(0.001) for _ in iter(over.is_set, True)])
        thread.start()
        try:
            for _ in range(50):
                with watch(selector):
                    pass
        finally:
            over.set()
            thread.join()


def act(lab: Lab, chance: random.Random) -> None:
    """One thing that a far end may do."""
    open_peers = list(lab.peers.values())
    if not open_peers or (len(open_peers) < 6 and chance.random() < 0.1):
        lab.connect()
        return
    peer = chance.choice(open_peers)
    what = chance.choices(("send", "recv", "shutdown", "close", "reset"), (50, 40, 2, 4, 4))[0]
    try:
        if what == "send":
            peer.send(chance.randbytes(chance.choice((1, 100, 1024, 5000))))
        elif what == "recv":
            peer.recv(chance.choice((1, 1024, 100_000)))
        else:
            getattr(peer, what)()
    except OSError:
        pass  # the other end was first


def files(fds: frozenset[int]) -> list[str]:
    """What these fds are; fonts, which matplotlib keeps open, are left out."""
    links = [Path(f"/proc/self/fd/{fd}") for fd in fds]
    names = [str(link.readlink()) if link.exists() or link.is_symlink() else link.name for link in links]
    return [name for name in names if not name.endswith((".ttf", ".ttc", ".otf"))]


def memory_held() -> tuple[str, str]:
    """MiB that this process holds, and thousands of blocks of Python's, without what figures remember."""
    room.cache_clear(), fitted.cache_clear()
    gc.collect()
    return f"{memory() / 2**20:.0f}", f"{sys.getallocatedblocks() / 1000:.1f}"


def memory() -> int:
    """Bytes of memory that this process holds; the highest so far where /proc does not say."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
