"""Programs of random steps, run watched and not: how many, in which worlds, and that each saw the same."""

from __future__ import annotations

import random
import warnings
from collections import Counter

from labkit import kernel

from ..watching.random_programs import WORLDS, random_steps
from . import written


def main() -> None:
    left = written.minutes(__doc__ or "", unit=10)
    first = random.randrange(2**32)
    ran: Counter[str] = Counter()
    steps_made, seed, fds = 0, first, kernel.open_fds()
    warnings.simplefilter("ignore")
    while left() > 0:
        steps = random_steps(random.Random(seed))
        for world, run in WORLDS.items():
            assert run(steps, True) == run(steps, False), f"{world}: seed {seed}"
            ran[world] += 1
            steps_made += len(steps)
        seed += 1
    assert kernel.open_fds() == fds
    worlds = ", ".join(f"{runs:,} in the world of {world}" for world, runs in ran.items())
    written.part(
        "programs",
        f"{sum(ran.values()):,} random programs of {steps_made:,} steps, each run watched and not (from seed "
        f"{first}): {worlds}. Every value, exception and descriptor that they saw was the same.",
        "make proof-programs",
    )


if __name__ == "__main__":
    main()
