"""A program of random steps sees the same watched as not: values, exceptions, and descriptors."""

import os
import random

import pytest

from labkit import kernel

from .random_programs import DEEDS, WORLDS, random_steps

EXAMPLES = int(os.environ.get("LABKIT_EXAMPLES", "60"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("world", WORLDS)
def test_a_random_program_sees_the_same_watched_as_not(world):
    run, before = WORLDS[world], kernel.open_fds()
    first = random.randrange(2**32)
    for seed in range(first, first + EXAMPLES):
        steps = random_steps(random.Random(seed))
        assert run(steps, True) == run(steps, False), f"seed {seed}"
    assert kernel.open_fds() == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("world", WORLDS)
def test_every_deed_with_a_value_of_every_kind(world):
    """Each once, with something to receive and somebody who listens."""
    steps = [
        step
        for name in DEEDS
        if name not in ("shutdown", "detach", "close")
        for kind in range(0 if name == "repr" else 12)
        for step in [("send", 1, 9, 0), ("modify", 0, 3, 0), (name, 0, 8, kind), ("wait", 0, 0, 0)]
    ]
    run = WORLDS[world]
    assert run(steps, True) == run(steps, False)
