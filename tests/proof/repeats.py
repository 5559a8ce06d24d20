"""The unit tests again and again beside a busy machine: a test that fails now and then is named.

Two processes that only count keep both cores busy meanwhile, so whoever judged by the clock is found out.
"""

from __future__ import annotations

import collections
import os
import re
import subprocess
import sys

from .written import ROOT, keep, kept, minutes, part

BUSY = "while True: sum(range(10_000))"
TESTS = [
    "-q",
    "-n",
    "2",
    "--ignore=tests/browser",
    "-m",
    "not browser and not notebook",
    "-p",
    "no:cacheprovider",
]


def main() -> None:
    left = minutes(__doc__)
    state = kept("repeats") or {"runs": 0, "tests": 0, "failed": {}}
    load = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        while left() > 0:
            passed, failed = once()
            state["runs"] += 1
            state["tests"] += passed + len(failed)
            state["failed"] = dict(collections.Counter(state["failed"]) + collections.Counter(failed))
            keep("repeats", state)
            print(
                f"run {state['runs']}: {passed} passed, {len(failed)} failed", *failed, sep="\n  ", flush=True
            )
    finally:
        for each in load:
            each.kill()
            each.wait()
    part("repeats", told(state), "make proof-repeats")


def once() -> tuple[int, list[str]]:
    """One run: how many passed, and which failed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *TESTS], cwd=ROOT, capture_output=True, text=True, timeout=1800
    )
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    passed = re.search(r"(\d+) passed", done.stdout)
    if not passed:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    return int(passed[1]), failed


def told(state: dict) -> str:
    lines = [
        f"{state['runs']} runs, {state['tests']:,} tests in all, beside {os.cpu_count()} busy processes."
    ]
    lines += [f"- {count} × {name}" for name, count in sorted(state["failed"].items())] or ["None failed."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
