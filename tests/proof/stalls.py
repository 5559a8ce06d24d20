"""make proof-stalls: a stall planted at random in other people's servers; how often it is named.

Each run takes one of the programs that tests/watching/test_program.py watches, or a server of its own with a
handler chosen by chance that blocks in one of three ways, and asks whether the report names that handler.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path

from ..watching.programs import BLOCKS, FRAMEWORKS, server, watch
from . import written

RUNS = 100
BAR = 0.95


def main() -> None:
    left = written.minutes(__doc__ or "", unit=6)
    named: Counter[str] = Counter()
    ran: Counter[str] = Counter()
    chance = random.Random(1)
    while sum(ran.values()) < RUNS and left() > 10:
        kind = chance.choice([*FRAMEWORKS, *(f"asyncio, {blocks}" for blocks in BLOCKS)])
        ran[kind] += 1
        named[kind] += once(kind, chance)
    right, runs = sum(named.values()), sum(ran.values())
    rows = [f"{right} of {runs} stalls were named by their own handler (bar: {BAR:.0%}).", ""]
    rows += ["| program | named | runs |", "|---|---|---|"]
    rows += [f"| {kind} | {named[kind]} | {ran[kind]} |" for kind in sorted(ran)]
    written.part("stalls", "\n".join(rows), "make proof-stalls")


def once(kind: str, chance: random.Random) -> bool:
    """One run; whether the handler that blocked was named."""
    slow = chance.randrange(6)
    text = FRAMEWORKS.get(kind) or server(slow, BLOCKS[kind.removeprefix("asyncio, ")])
    culprit = "slow_lookup" if kind in FRAMEWORKS else f"handler_{slow}"
    with tempfile.TemporaryDirectory() as folder:
        told = watch(Path(folder), text).told
    return any(culprit in stall["culprit"]["function"] for stall in told["stalls"])


if __name__ == "__main__":
    main()
