"""What each field of a tape's file may hold, and what is said of one that holds something else."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from labkit import Tape
from labkit.lab.scenarios import echo
from labkit.tape import saving
from labkit.tape.saving import FIELDS, STANDS

MOST = 2**63 - 1
KINDS: list[tuple[Any, list[Any], list[Any]]] = [
    (lambda: saving.integer, [0, -(2**63), MOST], [MOST + 1, -(2**63) - 1, True, 1.0, "1", None]),
    (lambda: saving.seconds, [0, 1.5, -1.0, math.inf], [math.nan, "1", True, None, MOST + 1]),
    (lambda: saving.events, [0, 7], [-1, 8, 1.0, None]),
    (lambda: saving.text, ["", "a\n"], [None, 1, b"a"]),
    (lambda: saving.word, ["recv", "x" * 100], ["", "x" * 101, "a\n", None, 1]),
    (lambda: saving.truth, [True, False], [0, 1, None, "True"]),
    (lambda: saving.octets, ["", "a\u00ff\x00"], ["\u0100", None, 1]),
    (lambda: saving.maybe(saving.integer), [None, 1], ["1", True, []]),
    (
        lambda: saving.line(saving.integer, saving.text),
        [[1, "a"]],
        [[1], [1, "a", 2], ["a", 1], (1, "a"), "ab", None],
    ),
    (lambda: saving.many(saving.integer), [[], [1, 2]], [[1, "a"], (1,), None, 1]),
]
GOOD = {
    "at_ns": 1, "timeout": None, "ready": [[3, 1]], "asleep_ns": 1, "awake_ns": 1, "cpu_ns": 1, "thread": 1,
    "calls": [[3, "recv", None, None, 0, 1]],
    "samples": [[3, 0, None, 0, 0, [1, 2, 3, 4, 5, 6, True, False]]],
    "stepped": True,
    "interest": [[3, 7]], "gone": [4], "names": [[3, "a", [1, None, 2, 3]]],
    "pokes": [["a", "send", 5, None, 11]], "errors": [[3, "OSError"]],
    "moments": [[0, 3, [0, 0, 0, 0], None, ["a", None, "", "", "", ""]]],
    "contents": [[3, ["a", None, "", "", "", ""]]], "backlog": [[3, 1]],
}  # fmt: skip
# A value of each field that is nearly right, and one value too many or too few.
NEARLY: dict[str, list[Any]] = {
    "at_ns": [None, 1.0], "timeout": ["1"], "ready": [[[3]], [[3, 8]], [[3, 1, 1]]], "asleep_ns": [None],
    "awake_ns": [None], "cpu_ns": [None], "thread": [None],
    "calls": [[[3, "recv", 1, 1, 0]], [[3, 5, 1, 1, 0, 1]],
              [[3, "recv", "1", 1, 0, 1]], [[3, "recv", 1, 1, None, 1]]],
    "samples": [[[3, 0, 0, 0, 0]], [[3, 0, 0, 0, 0, [1, 2, 3, 4, 5, 6, True]]], [[3, 0, "0", 0, 0, None]],
                [[3, 0, 0, 0, 0, [1, 2, 3, 4, 5, 6, 1, False]]]],
    "stepped": [1], "interest": [[[3, 9]], [[3]]], "gone": [["a"], 4],
    "names": [[[3, 1, None]], [[3, "a"]], [[3, "a", [1, 2, 3]]]],
    "pokes": [[["a", "send", 5, None]], [["a", "", 5, None, 0]], [[1, "send", 5, None, 0]]],
    "errors": [[[3, 4]], [[3]]],
    "moments": [[[0, 3, [0, 0, 0], None, None]], [[0, 3, [0, 0, 0, 0], None, ["a"]]],
                [[None, 3, [0] * 4, None, None]]],
    "contents": [[[3, ["a", None, "", "", ""]]], [[3, [1, None, "", "", "", ""]]], [["3", None]]],
    "backlog": [[[3, None]], [[3]]],
}  # fmt: skip


@pytest.mark.parametrize(("holds", "good", "bad"), KINDS)
def test_a_kind_takes_what_it_says_and_nothing_else(holds: Any, good: list[Any], bad: list[Any]):
    assert [holds()(value) for value in good] == [True] * len(good)
    assert [holds()(value) for value in bad] == [False] * len(bad)


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_takes_the_nearest_right_value_and_no_other(name: str):
    assert FIELDS[name](GOOD[name])
    assert [FIELDS[name](value) for value in NEARLY[name]] == [False] * len(NEARLY[name])


def test_the_standing_values_are_of_their_kinds():
    none = [None] * 6
    good = {
        "interest": 7,
        "held": [0, 0, 0, 0, None],
        "names": "a",
        "capacity": None,
        "contents": none,
        "backlog": 1,
    }
    bad = {"interest": 8, "held": [0, 0, 0, 0], "names": 1, "capacity": [1], "contents": [1], "backlog": None}
    for name, holds in STANDS.items():
        assert holds(good[name]) and not holds(bad[name]), name


def test_an_error_names_the_file_the_line_the_field_and_what_it_holds(tmp_path):
    path = echo().save(tmp_path / "tape.jsonl")
    lines = path.read_text().splitlines()
    end = "Save it again with tape.save(), or delete this line and all after it."
    for change, told in (
        ({"thread": "x" * 99}, f"thread cannot be {'x' * 60}"),
        ({"index": 7}, "iteration 7 stands where 1 should"),
    ):
        path.write_text("\n".join([*lines[:2], json.dumps(json.loads(lines[2]) | change), *lines[3:]]) + "\n")
        with pytest.raises(ValueError) as caught:
            Tape.load(path)
        assert str(caught.value) == f"{path}, line 3: not a labkit tape from here on ({told}). {end}"
    short = json.loads(lines[2])
    del short["calls"]
    path.write_text("\n".join([*lines[:2], json.dumps(short), *lines[3:]]) + "\n")
    with pytest.raises(ValueError, match=r"line 3: .*\(no 'calls' in it\)"):
        Tape.load(path)
    path.write_text("\n".join([*lines[:3], lines[3][:20]]))
    with pytest.raises(ValueError, match=r"line 4: .*\(it is cut short\)"):
        Tape.load(path)
    for header, told in (
        ({"labkit-tape": 3}, "format 3; this labkit reads formats 1 and 2"),
        ({"dropped": -1}, "dropped cannot be -1"),
        ({"about": {"a": 1}}, "about cannot be {'a': 1}"),
        ({"standing": {"interest": {"3": 9}}}, "standing, interest of fd 3 cannot be 9"),
    ):
        first = json.loads(lines[0])
        first = (
            first
            | header
            | ({"standing": first["standing"] | header["standing"]} if "standing" in header else {})
        )
        path.write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
        with pytest.raises(ValueError) as caught:
            Tape.load(path)
        assert f"line 1: not a labkit tape from here on ({told})" in str(caught.value)


def test_a_header_of_the_first_edition_needs_neither_contents_nor_backlog(tmp_path):
    path = echo().save(tmp_path / "tape.jsonl")
    first, *lines = path.read_text().splitlines()
    header = json.loads(first)
    for name in ("contents", "backlog"):
        header["standing"].pop(name)
    path.write_text("\n".join([json.dumps(header), *lines]) + "\n")
    assert len(Tape.load(path)) == len(lines)
