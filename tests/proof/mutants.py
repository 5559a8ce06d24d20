"""The code broken on purpose, one place at a time, by mutmut: does a test notice?

mutmut keeps every verdict in mutants/, so an interrupted run goes on. What is mutated and by which tests it
is judged stands in pyproject.toml. Survivors that are no mistake are explained in tests/proof/survivors.toml.
"""

from __future__ import annotations

import collections
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

from .written import ROOT, minutes, part

REASONS = Path(__file__).with_name("survivors.toml")
KILLED = ("killed", "timeout", "caught by type check", "segfault")
JUDGED = (*KILLED, "survived", "no tests", "suspicious")


def main() -> None:
    left = minutes(__doc__)
    run(within=left())
    verdicts = [
        line.rsplit(": ", 1) for line in mutmut("results", "--all", "true").splitlines() if ": " in line
    ]
    part("mutants", told({name.strip(): verdict for name, verdict in verdicts}), "make mutants")


def run(within: float) -> None:
    """Let mutmut go on for so many seconds; what it has judged until then is kept."""
    busy = subprocess.Popen(
        [sys.executable, "-m", "mutmut", "run", "--max-children", str(os.cpu_count())],
        cwd=ROOT, env=environment(), start_new_session=True,
    )  # fmt: skip
    try:
        busy.wait(within)
    except subprocess.TimeoutExpired:
        os.killpg(busy.pid, signal.SIGINT)
        try:
            busy.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(busy.pid, signal.SIGKILL)
            busy.wait()


def mutmut(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def environment() -> dict[str, str]:
    """Without PYTHONPATH: mutmut's copy of the code must be the one that is imported."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def told(verdicts: dict[str, str]) -> str:
    """The score of each room, and every survivor with its reason."""
    reasons = tomllib.loads(REASONS.read_text(encoding="utf-8")) if REASONS.exists() else {}
    lines = ["| room | mutants judged | killed | survived | not judged yet |", "|---|---|---|---|---|"]
    rooms = collections.defaultdict(list)
    for name, verdict in verdicts.items():
        rooms[".".join(name.split(".")[:2])].append(verdict)
    for room, each in sorted(rooms.items()):
        judged = [verdict for verdict in each if verdict in JUDGED]
        killed = sum(verdict in KILLED for verdict in judged)
        share = f"{killed} ({killed / len(judged):.0%})" if judged else "0"
        lines.append(
            f"| {room} | {len(judged)} | {share} | {len(judged) - killed} | {len(each) - len(judged)} |"
        )
    alive = sorted(name for name, verdict in verdicts.items() if verdict in JUDGED and verdict not in KILLED)
    lines += ["", f"Survivors ({len(alive)}):", ""]
    by_function = collections.Counter(name.rsplit("__mutmut_", 1)[0] for name in alive)
    for function, count in by_function.items():
        lines.append(f"- `{function}` × {count}: {reasons.get(function, 'not looked at yet')}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
