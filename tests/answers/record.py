"""Record what the solutions do: a small tape for each check, beside the exercises, to compare answers with.

    python -m tests.answers.record [NAME …]

Run it after a change of an exercise, or of the tape's format. A tape larger than LARGEST is not kept.
"""

from __future__ import annotations

import sys

from labkit.teaching.practice import judge
from labkit.teaching.practice_form import every, load
from labkit.teaching.practice_steps import whole
from labkit.teaching.practice_verdict import reference
from tests.teaching.answers import ANSWERS

LARGEST = 12_000  # bytes


def record(name: str) -> int:
    """Write the reference tapes of one exercise; returns their bytes."""
    exercise = load(name)
    verdict = judge(exercise, whole(exercise, ANSWERS / name / "solution.py", from_reference=True), seed=0)
    assert verdict.passed, verdict
    kept = 0
    for number, outcome in enumerate(verdict.outcomes):
        path = reference(exercise, number)
        path.unlink(missing_ok=True)
        if outcome.tape is None or "runs" in outcome.tape.about:
            continue
        path.parent.mkdir(exist_ok=True)
        outcome.tape.save(path)
        if path.stat().st_size > LARGEST:
            path.unlink()
        else:
            kept += path.stat().st_size
    return kept


if __name__ == "__main__":
    for each in sys.argv[1:] or [exercise.name for exercise in every()]:
        print(f"{each}: {record(each):,} bytes")
