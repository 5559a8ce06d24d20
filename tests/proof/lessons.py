"""Every lesson run from top to bottom, again and again: what a run takes, and whether the runs agree.

Each run is a fresh kernel on a copy of nobody's progress. A prediction that one run settles otherwise than
another, or as what its texts call a misconception, is named; so is a cell that raises.
"""

from __future__ import annotations

import collections
import os
import statistics
import tempfile
import time
from pathlib import Path

from nbclient.exceptions import CellExecutionError, CellTimeoutError

from labkit.teaching.questions import lesson

from ..helpers import NOTEBOOKS, code_cells, run
from .written import keep, kept, minutes, part

CARD = "application/vnd.labkit.prediction+json"
WITHIN = 240  # seconds a run; the lessons are to take less than 60 on two idle cores


def main() -> None:
    left = minutes(__doc__)
    state = kept("lessons") or {"runs": {}}
    os.environ["LABKIT_PROGRESS"] = str(Path(tempfile.mkdtemp(prefix="labkit-proof-")) / "progress.json")
    fewest = sorted(NOTEBOOKS, key=lambda path: len(state["runs"].get(path.stem, [])))
    while left() > 0:
        for path in fewest:
            if left() > 0:
                state["runs"].setdefault(path.stem, []).append(once(path))
                keep("lessons", state)
    part("lessons", told(state["runs"]), "make proof-lessons")


def once(path: Path) -> dict[str, object]:
    """One run: its seconds, the load on each core, what settled each question, and what failed."""
    began, failed, settled = time.monotonic(), "", {}
    try:
        for cell in code_cells(run(path, WITHIN)):
            for output in cell.outputs:
                card = output.get("data", {}).get(CARD, {})
                if card.get("part") == "answer":
                    settled[card["id"]] = card["settled"]["value"]
    except (CellExecutionError, CellTimeoutError) as error:
        failed = str(error).strip().splitlines()[-1]
    took = time.monotonic() - began
    print(f"{path.stem}: {took:.0f} s {failed}", flush=True)
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return {"s": took, "load": load, "settled": settled, "failed": failed}


def told(runs: dict[str, list[dict]]) -> str:
    lines = [
        "| lesson | runs | median s | most s | load a core | disagreements |",
        "|---|---|---|---|---|---|",
    ]
    for name, each in sorted(runs.items()):
        seconds, load = [one["s"] for one in each], statistics.median(one["load"] for one in each)
        wrong = disagreements(name, each)
        lines.append(
            f"| {name} | {len(each)} | {statistics.median(seconds):.0f} | {max(seconds):.0f} "
            f"| {load:.1f} | {'; '.join(wrong) or 'none'} |"
        )
    return "\n".join(lines)


def disagreements(name: str, runs: list[dict]) -> list[str]:
    """What failed, and each question that the runs settled in two ways, or as a misconception."""
    found = [
        f"{count} × {text}" for text, count in collections.Counter(r["failed"] for r in runs).items() if text
    ]
    texts = lesson(name[:2])
    for id, said in texts.items():
        words = collections.Counter(str(run["settled"][id]) for run in runs if id in run["settled"])
        if any(each in said.wrong for each in words):
            found.append(f"{id} was {dict(words)}")
    return found


if __name__ == "__main__":
    main()
