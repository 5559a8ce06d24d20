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

from tests.teaching.answers import Answer, answers, hold, mends

from .written import keep, kept, minutes, part

EVERY = [*answers(), *mends()]
BUSY = "while True: sum(range(10_000))"


def main() -> None:
    left = minutes(__doc__)
    state = kept("practice") or {"rounds": 0, "verdicts": 0, "wrong": {}}
    load = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        while left() > 0:
            wrong = round_of(state["rounds"], left)
            if wrong is None:
                break
            state["rounds"] += 1
            state["verdicts"] += len(EVERY)
            state["wrong"] = dict(collections.Counter(state["wrong"]) + collections.Counter(wrong))
            keep("practice", state)
            print(f"round {state['rounds']}: {len(wrong)} wrong", *wrong, sep="\n  ", flush=True)
    finally:
        for each in load:
            each.kill()
            each.wait()
    part("practice", told(state), "make proof-practice")


def round_of(seed: int, left) -> list[str] | None:
    """Judge every answer once; the names of those whose verdict is not as it should be. None: out of time."""

    def judged(answer: Answer) -> str | None:
        if left() <= 0:
            return ""
        try:
            hold(answer, answer.judged(seed=answer.seed + seed), words=seed == 0)
        except Exception as error:
            print(f"{answer}, seed {seed}: {error}", flush=True)
            return f"{answer} (seed {seed})"
        return None

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(judged, EVERY))
    return None if "" in found else [each for each in found if each]


def told(state: dict) -> str:
    lines = [
        f"{state['rounds']} rounds, a seed each, {state['verdicts']:,} verdicts in all on {len(EVERY)} "
        f"answers, beside {os.cpu_count()} busy processes."
    ]
    lines += [f"- {count} × {name}" for name, count in sorted(state["wrong"].items())] or [
        "Every verdict was as it should be: solutions pass, all others fail, each in its own check."
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
