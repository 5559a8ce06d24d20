"""What is found in a tape, by hand-made ones: each kind, both ways, and at both ends."""

from __future__ import annotations

import errno
import sysconfig
from typing import Any

import pytest

from labkit.figure import moves
from labkit.figure.panels.panel import Finding
from labkit.tape.tape import Tape
from labkit.tape.turn import Call

from .written import Written, turn

FAILS = (Call(5, "send", 3, None, errno.EPIPE, 1),)
BLOCKS = (Call(5, "recv", 3, None, errno.EAGAIN, 1),)
BOTH = (*BLOCKS, Call(5, "recv", 3, 3, 0, 1), *FAILS)
MADE: dict[int, dict[str, Any]] = {
    11: {"calls": FAILS}, 13: {"errors": ((5, "ValueError: a QUESTION"),)}, 14: {"calls": BLOCKS},
    16: {"calls": BOTH}, 17: {"awake_ns": 10**9},
}  # fmt: skip
TAPE = Written([turn(i, **MADE.get(i, {})) for i in range(10, 20)], dropped=10)
FOUND = [Finding("a", None, 12, 15, ""), Finding("b", None, 12, 12, ""), Finding("c", None, 18, 30, ""),
         Finding("d", None, 3, 11, "")]  # fmt: skip


@pytest.mark.parametrize("what, forward, back", [
    ("error", [11, 13, 16, None], [16, 13, 11, None]), ("EAGAIN", [14, 16, None], [16, 14, None]),
    ("longest awake", [17, 17], [17, 17]), ("finding", [12, 18, None], [18, 12, 3, None]),
    ("a question", [13, None], [13, None]), ("no such words", [None], [None]),
])  # fmt: skip
def test_from_one_to_the_next_both_ways(what: str, forward: list[int | None], back: list[int | None]):
    for way, start, expected in ((1, 10, forward), (-1, 19, back)):
        at: int | None = start
        for there in expected:
            assert at is not None
            at = moves.find(TAPE, what, at, way, FOUND)
            assert at == there


def test_in_a_stretch_of_it():
    assert moves.everywhere(TAPE, 11, 16, FOUND) == {
        "error": [11, 13, 16], "EAGAIN": [14, 16], "longest awake": [16], "finding": [12],
    }  # fmt: skip
    assert moves.everywhere(TAPE, 18, 18, FOUND)["finding"] == [18]
    assert moves.everywhere(TAPE, 12, 12, FOUND)["finding"] == [12]
    nothing = {"error": [], "EAGAIN": [], "longest awake": [], "finding": []}
    assert moves.everywhere(TAPE, 11, 10, FOUND) == nothing


def test_nothing_is_found_in_an_empty_tape_or_in_what_the_ring_drops_meanwhile():
    for what in (*moves.NAMES, "words"):
        assert moves.find(Tape(), what, -1, 1) is None
    ring = Written([turn(i) for i in range(4)])
    ring.iteration = lambda index: (_ for _ in ()).throw(IndexError(index))  # type: ignore[method-assign]
    assert moves.find(ring, "error", 3, -1) is None


def test_code_is_the_readers_own_where_it_is_neither_installed_nor_labkits():
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        assert not moves.is_own(f"{sysconfig.get_paths()[name]}/a.py")
    assert not moves.is_own(moves.__file__) and not moves.is_own(
        moves.__file__.replace("figure/moves", "loop")
    )
    assert moves.is_own("/tmp/ipykernel_1/2.py") and moves.is_own("<ipython-input-1>")
