"""Lesson 10, the bug hunt: it runs as it stands, has every case, and gives no answer away."""

from __future__ import annotations

import nbformat

from labkit.teaching.bugs_hunt import cases, load

from ..helpers import ROOT, code_cells

LESSON = ROOT / "notebooks" / "10-bug-hunt.ipynb"


def test_every_case_has_its_four_steps_in_order():
    sources = [cell.source for cell in code_cells(nbformat.read(LESSON, as_version=4))][1:]
    steps = ("case{n} = hunt({n})\ncase{n}", 'case{n}.name("?")', "case{n}.line(0)", "case{n}.mend()")
    assert sources == [step.format(n=number) for number in cases() for step in steps]


def test_no_cell_tells_what_a_case_is():
    text = "\n".join(cell.source for cell in nbformat.read(LESSON, as_version=4).cells)
    for bug in map(load, cases()):
        told = [bug.name, bug.exercise.title, *bug.lines, *filter(None, [bug.rule])]
        assert not [each for each in told if each in text and each not in ("pass", "greedy peer")]
