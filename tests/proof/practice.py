"""Every exercise and bug, with every answer, again and again beside a busy machine: what wavers is named.

Each round draws other instances (another seed), as graded runs do. Two processes that only count keep both
cores busy meanwhile.
"""

from __future__ import annotations

import collections
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.teaching.answers import Answer, answers, hold, mends

from .written import keep, kept, minutes, part

EVERY = [*answers(), *mends()]
BATCH = 16  # verdicts after which it looks at the clock, and keeps what it has found
BUSY = "while True: sum(range(10_000))"


def main() -> None:
    left = minutes(__doc__)
    state = kept("practice") or {"verdicts": 0, "wrong": {}}
    load = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            while left() > 0:
                number, first = divmod(state["verdicts"], len(EVERY))
                batch = EVERY[first : first + BATCH]
                wrong = filter(None, pool.map(partial(judged, number), batch))
                state["verdicts"] += len(batch)
                state["wrong"] = dict(collections.Counter(state["wrong"]) + collections.Counter(wrong))
                keep("practice", state)
    finally:
        for each in load:
            each.kill()
            each.wait()
    part("practice", told(state), "make proof-practice")


def judged(number: int, answer: Answer) -> str | None:
    """Judge an answer in a round; its name if the verdict is not as it should be."""
    try:
        hold(answer, answer.judged(seed=answer.seed + number), words=number == 0)
    except Exception as error:
        print(f"{answer}, round {number}: {error}", flush=True)
        return f"{answer} (round {number})"
    return None


def told(state: dict) -> str:
    rounds = state["verdicts"] / len(EVERY)
    lines = [
        f"{state['verdicts']:,} verdicts on {len(EVERY)} answers, which is {rounds:.1f} rounds, a seed each, "
        f"beside {os.cpu_count()} busy processes."
    ]
    lines += [f"- {count} × {name}" for name, count in sorted(state["wrong"].items())] or [
        "Every verdict was as it should be: solutions pass, all others fail, each in its own check."
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
