"""`python -m benchmarks [PART …] [--write]`: measure every row of the table, print it, write it down.

Ratios are medians over pairs of runs taken in turn, A B B A …, so that they hold when the machine's speed
drifts. (pyperf runs one benchmark after the other; on a shared machine the drift between them is larger than
most of the bars below.)
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import servers
from benchmarks.servers import ratio
from labkit import Tape, kernel, watch

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class Row(NamedTuple):
    what: str
    bar: str
    measured: str
    met: bool | None  # None: a number for comparison


def against(
    a: servers.Make, b: servers.Make, active: int, idle: tuple[int, int] = (0, 0)
) -> tuple[float, float]:
    with servers.Bench(a, active, idle[0]) as one, servers.Bench(b, active, idle[1]) as other:
        return ratio(one, other, max(2, 2000 // active))


def row(what: str, bar: float | None, measured: tuple[float, float]) -> Row:
    value, spread = measured
    met = None if bar is None else value <= bar
    return Row(what, "" if bar is None else f"≤ {bar}×", f"{value:.2f}× (± {spread:.2f})", met)


def clients(active: int) -> str:
    return f"{active} connection{'s' * (active > 1)}"


def loop() -> Iterator[Row]:
    """The loop itself, against code that needs nothing else."""
    for active in (1, 100):
        at = f"{clients(active)}, CPU per round trip against bare epoll"
        vs_bare = partial(against, b=servers.BareEpoll, active=active)
        yield row(f"our Loop, {at}", 1.25, vs_bare(servers.OurLoop))
        yield row(f"asyncore (poll2), {at}", None, vs_bare(servers.Asyncore))
        yield row(f"asyncio Protocol, {at}", None, vs_bare(servers.Asyncio))


def idle() -> Iterator[Row]:
    """What idle connections cost one that is active."""
    many = min(10_000, kernel.fd_limit()[0] - 200)
    crowd = f"1 active among {many:,} idle against 10, CPU per round trip"
    for name, make, bar in (
        ("our Loop", servers.OurLoop, 1.1),
        ("our Loop, recorded", servers.Recorded, 1.2),
    ):
        yield row(f"{name}: {crowd}", bar, against(make, make, 1, (many, 10)))
    make = servers.AsyncoreSelect
    yield row("asyncore (select): 480 idle against none", None, against(make, make, 1, (480, 0)))


def recording() -> Iterator[Row]:
    """What the recorder costs."""
    for active in (1, 100):
        what = f"our Loop recorded, all buffers and every call, against unrecorded, {clients(active)}"
        yield row(what, 1.25, against(servers.Recorded, servers.OurLoop, active))
    same = against(servers.OurLoop, servers.OurLoop, 100)
    yield row("recorder off: the loop has no hook; against itself", 1.01, same)
    plain = servers.Asyncio
    yield row("an asyncio server, watched against not", 1.05, against(servers.WatchedAsyncio, plain, 100))
    yield row("the same with its calls and buffers", None, against(servers.WatchedAsyncioCalls, plain, 100))
    yield row("the same in asyncio's debug mode", None, against(servers.AsyncioDebug, plain, 100))
    what = "an asyncore server, watched with its methods and buffers, against not"
    yield row(what, None, asyncore_watched())


def asyncore_watched() -> tuple[float, float]:
    """One server, watched for a while and not watched for a while: watch() is about the whole module."""
    found = []
    with servers.Bench(servers.Asyncore, 100) as bench:
        for _ in range(15):
            plain = bench.cpu(20)
            with watch(servers.asyncore):
                found.append(bench.cpu(20) / plain)
    low, middle, high = statistics.quantiles(found, n=4)
    return middle, (high - low) / 2


def memory() -> Iterator[Row]:
    """Bytes that an iteration takes on the tape."""
    with servers.Bench(servers.Recorded, 4) as bench:
        tape: Tape = bench.server.tape  # type: ignore[attr-defined]
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        first = len(tape)
        bench.cpu(20_000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    turns = len(tape) - first
    each = (after - before) / turns
    calls = sum(len(turn.calls) for turn in tape[-500:]) / 500
    what = f"tape memory, 4 connections, {calls:.1f} calls an iteration, {turns:,} iterations"
    yield Row(what, "≤ 250 bytes", f"{each:.0f} bytes", each <= 250)


def frames() -> Iterator[Row]:
    """One frame of the figure, from the tape to the bytes that are sent."""
    from benchmarks.frames import cost

    each, dearer = cost()
    yield Row(
        "a frame: 4 panels, 8 connections, 1000×600, to PNG bytes", "≤ 12 ms", f"{each:.1f} ms", each <= 12
    )
    yield Row("the same facts with pyplot, as clear_output + show", "≥ 10×", f"{dearer:.0f}×", dearer >= 10)


def browser() -> Iterator[Row]:
    """What arrives in Chromium, and what a live figure costs the loop that it shows."""
    from tests.browser.measure import measure, p95

    try:
        seen = measure()
    except RuntimeError as error:
        yield Row("what arrives in Chromium", "≥ 20 frames a second", f"not measured: {error}", None)
        return
    yield Row("frames seen in Chromium", "≥ 20 a second", f"{seen.fps:.0f}", seen.fps >= 20)
    for what, times in (("Step", seen.step_ms), ("scrub", seen.scrub_ms)):
        yield Row(f"{what} to paint in Chromium, p95", "≤ 150 ms", f"{p95(times):.0f} ms", p95(times) <= 150)
    what = "round trips of a running lab, live figure open in Chromium against closed"
    yield Row(what, "≥ 0.9×", f"{seen.kept:.2f}×", seen.kept >= 0.9)


def importing() -> Iterator[Row]:
    """`import labkit` over a bare interpreter."""

    # As installed: compiled once. Some set-ups forbid Python to keep what it compiled.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def start(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        return (time.perf_counter() - began) * 1e3

    start("import labkit")
    over = statistics.median(start("import labkit") - start("pass") for _ in range(15))
    yield Row("import labkit over bare Python", "≤ 80 ms", f"{over:.0f} ms", over <= 80)


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    part.__name__: part for part in (loop, idle, recording, memory, frames, browser, importing)
}


def table(rows: list[Row]) -> str:
    marks = {True: "yes", False: "**missed**", None: "–"}
    lines = ["| what | bar | measured | met |", "|---|---|---|---|"]
    lines += [f"| {each.what} | {each.bar} | {each.measured} | {marks[each.met]} |" for each in rows]
    return "\n".join(lines)


def machine() -> str:
    return (
        f"{date.today()}, {platform.system()} {platform.release()}, {platform.machine()}, "
        f"{os.cpu_count()} cores, CPython {platform.python_version()}"
    )


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--write", action="store_true", help=f"put the table into {README.name}")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    rows = []
    for name in options.parts or PARTS:
        for each in PARTS[name]():
            print(f"{each.what}: {each.measured}  {each.bar}", flush=True)
            rows.append(each)
    if options.write:
        text = README.read_text()
        head, rest = text.split(BEGIN)
        tail = rest.split(END)[1]
        README.write_text(f"{head}{BEGIN}\n{machine()}\n\n{table(rows)}\n{END}{tail}")


if __name__ == "__main__":
    main()
