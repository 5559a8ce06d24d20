"""Small is a feature: how long files may be, and rooms together; what grows past it shows what should go.

Lines are counted as they stand, with their docstrings and comments.
"""

from __future__ import annotations

from pathlib import Path

import pytest

LABKIT = Path(__file__).resolve().parents[1] / "labkit"
LONGEST = 400  # lines of a file
CODE = (".py", ".js", ".html", ".css")

# To be split where they are rebuilt; nobody may be added.
TOO_LONG_STILL: set[str] = set()

# The rooms that must stay small enough to be read in an evening.
HEART = ("kernel.py", "loop.py", "tape", "record")
OF_THE_HEART, OF_LABKIT = 2_000, 12_000
EXERCISES = ("teaching/exercises", "teaching/bugs")  # not counted: one more is no growth


def test_no_file_is_too_long_to_read():
    long = {name: count for name, count in lengths().items() if count > LONGEST}
    assert long.keys() <= TOO_LONG_STILL, f"longer than {LONGEST} lines: {long}"


@pytest.mark.xfail(reason="the rooms are being rebuilt, and old and new stand side by side", strict=False)
@pytest.mark.parametrize(
    ("rooms", "most"), [(HEART, OF_THE_HEART), (("",), OF_LABKIT)], ids=["heart", "labkit"]
)
def test_rooms_stay_small(rooms: tuple[str, ...], most: int):
    counted = {
        name: count
        for name, count in lengths().items()
        if name.startswith(rooms) and not name.startswith(EXERCISES)
    }
    assert sum(counted.values()) < most, f"{sum(counted.values()):,} lines, of {most:,} at most"


def lengths() -> dict[str, int]:
    """The lines of each file of labkit, by its path there."""
    return {
        path.relative_to(LABKIT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sorted(LABKIT.rglob("*"))
        if path.suffix in CODE and "__pycache__" not in path.parts
    }
