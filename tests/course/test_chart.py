"""The chart of a course: which check splits the class, and which wrong answer."""

from __future__ import annotations

from pathlib import Path

from labkit.course.commands import _draw
from labkit.course.marks import Mark


def test_it_names_the_check_that_splits_the_class_first_and_what_went_wrong(tmp_path: Path):
    def mark(student: str, check: str, right: bool, message: str = "") -> Mark:
        return Mark(student, "lesson-01", "read-until-eagain", check, float(right), 1.0, message)

    found = [mark(who, "takes everything", True) for who in ("ann", "bob", "eve", "dan")]
    said = "recv was called once and 3,904 bytes stayed where they were, in the receive queue of the kernel"
    found += [
        mark(who, "says the end", who < "c", said if who > "c" else "") for who in ("ann", "bob", "eve")
    ]
    _draw(found, tmp_path / "chart.svg")
    text = (tmp_path / "chart.svg").read_text()
    told = ("says the end", "66.7 %", "takes everything", "100 %", "✗ read-until-eagain: recv", "25 %")
    assert [each for each in told if each not in text] == []
    assert text.find("says the end") < text.find("takes everything") < text.find("✗ read-until-eagain")
    assert "receive queue of the kernel" not in text
