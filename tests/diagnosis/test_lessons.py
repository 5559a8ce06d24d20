"""No finding on the tapes that the exercises' own solutions left; tests/lessons asks it of the notebooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit import Tape, diagnose
from labkit.teaching import exercises

TAPES = sorted((Path(exercises.__path__[0]) / "tapes").glob("*.jsonl"))
# All its fds are taken from it, and it has to bear that: accept fails, and the backlog stays ready.
TRULY_SO = {"accept-that-survives-3": ["emfile-spin"]}


@pytest.mark.parametrize("path", TAPES, ids=[path.stem for path in TAPES])
def test_a_reference_solution_has_nothing(path: Path):
    assert [each.rule for each in diagnose(Tape.load(path))] == TRULY_SO.get(path.stem, [])


def test_every_exercise_with_a_loop_has_a_tape():
    assert len(TAPES) > 70
