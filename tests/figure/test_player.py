"""What a page plays, against the tape: every iteration, call and line of it, and no more than fits."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

import pytest

from labkit.figure import moves, player
from labkit.figure.drawing import Sheet
from labkit.figure.panels import PANELS
from labkit.figure.theme import table
from labkit.figure.why import why
from labkit.tape.turn import Call
from labkit.trace import Source

from .test_moves import FOUND, TAPE
from .test_source_and_map import LINES, TEXT
from .written import Written, events, many, turn

CALLS = (Call(5, "recv", 8, 3, 0, 1), Call(5, "send", 3, 3, 0, 2))


def sheet(tape: Written, *panels: str, **options: Any) -> Sheet:
    return Sheet(tape, [PANELS[name]() for name in panels or ["calls", "time"]], **options)


def played(of: Sheet, *args: Any, **options: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(player.packed(of, *args, **options))))
    return data


def whole(data: dict[str, Any], frame: dict[str, Any]) -> list[Any]:
    """The layers of a frame, each with its marks and with why each is so."""
    return [
        (x, y, data["pieces"][piece], [data["texts"][text] for text in data["whys"][piece]])
        for piece, x, y in frame["layers"]
    ]


def test_every_frame_is_the_drawing_of_its_iteration_call_or_line():
    tape = Written([turn(0), turn(1, calls=CALLS, interest=events({5: 1}), names={5: "é"}), turn(2)])
    of = sheet(tape, "fd sets", "calls", "source", lines={1: Source(LINES, TEXT, 0)})
    data = played(of, 700)
    places = [(frame["i"], frame["call"], frame["line"]) for frame in data["frames"]]
    assert places == [
        (0, None, None), (1, 0, None), (1, 1, None), *((1, None, line) for line in range(5)), (1, None, None),
        (2, None, None),
    ]  # fmt: skip
    for frame, (i, call, line) in zip(data["frames"], places, strict=True):
        drawing = of.draw(i, call, line, width=700)
        head = drawing.head()
        expected = {name: head[name] for name in ("i", "call", "line", "h", "says", "panels")}
        assert {name: value for name, value in frame.items() if name in expected} == expected
        assert whole(data, frame) == [
            (layer.x, layer.y, json.loads(layer.json), [why(mark, tape) for mark in layer.drawn])
            for layer in drawing.layers
        ]
        assert frame.keys() - expected.keys() == (
            {"layers", "lines", "depth", "own"} if line is not None else {"layers"}
        )
    lines = [frame for frame in data["frames"] if frame["line"] is not None]
    assert [(frame["lines"], frame["depth"], frame["own"]) for frame in lines] == [
        (5, line.depth, moves.is_own(line.filename)) for line in LINES
    ]
    assert len(data["pieces"]) == len({json.dumps(piece) for piece in data["pieces"]}) < 50
    assert len(data["texts"]) == len(set(data["texts"]))
    assert (data["w"], data["table"]) == (700, json.loads(json.dumps(table())))
    assert data["explains"] == [[it.index, it.explain()] for it in tape]
    assert data["speeds"] == ["1 a second", "4 a second", "16 a second"]
    assert data["granularities"] == ["iteration", "call", "source line"]
    assert played(sheet(tape), 700)["granularities"] == ["iteration", "call"]


@pytest.mark.parametrize("start, theme, begin", [
    (None, "screen", 1_000), (1_002, "projector", 1_002), (3, "screen", 1_000), (9_999, "screen", 1_003),
])  # fmt: skip
def test_it_begins_where_it_is_asked_to(start: int | None, theme: str, begin: int):
    data = played(sheet(many(1, 4, dropped=1_000), "time"), 640, start, theme)
    assert (data["begin"], data["theme"]) == (begin, theme)
    assert [frame["i"] for frame in data["frames"] if frame["call"] is None] == [1_000, 1_001, 1_002, 1_003]


def test_what_there_is_to_find_is_in_the_file():
    finds = played(sheet(TAPE, "time", findings=FOUND), 640)["finds"]
    assert finds == {
        "error": [11, 13, 16], "EAGAIN": [14, 16], "finding": [12, 18], "longest awake": [17],
    }  # fmt: skip


@pytest.mark.parametrize("most, kept", [
    (5, [0, 0, 0, 0, 0]), (7, [0, 0, 0, 0, 2]), (11, [0, 0, 2, 2, 2]), (15, [2, 2, 2, 2, 2]),
])  # fmt: skip
def test_of_more_calls_than_fit_those_of_the_newest_iterations_are_kept(
    monkeypatch: pytest.MonkeyPatch, most: int, kept: list[int]
):
    monkeypatch.setattr(player, "FRAMES_AT_MOST", most)
    frames = played(sheet(Written([turn(i, calls=CALLS) for i in range(5)])), 640)["frames"]
    assert [sum(f["i"] == i and f["call"] is not None for f in frames) for i in range(5)] == kept
    assert [f["i"] for f in frames if f["call"] is None] == list(range(5))


@pytest.mark.parametrize("dropped, length, most, note, first", [
    (0, 4, 4, "iterations 0 to 3", 0),
    (0, 4, 3, "iterations 1 to 3 (the newest 3 of 4; earlier ones are not in this file)", 1),
    (5_000, 4, 9, "iterations 5,000 to 5,003 (the newest 4 of 5,004; earlier ones are not in this file)",
     5_000),
])  # fmt: skip
def test_a_page_says_which_iterations_it_holds(
    monkeypatch: pytest.MonkeyPatch, dropped: int, length: int, most: int, note: str, first: int
):
    monkeypatch.setattr(player, "ITERATIONS_AT_MOST", most)
    page = player.page(sheet(many(1, length, dropped=dropped), "time"), 640, "a <b> & c", dropped + 2)
    assert f"<p>{note}. In the figure, the arrow keys" in page
    assert page.count("a &lt;b&gt; &amp; c") == 2 and "<b>" not in page
    assert "<title>An event loop, iteration by iteration</title>" in player.page(
        sheet(many(1, 1), "time"), 640
    )
    (data,) = re.findall(r'<script id="tape" type="text/plain">(.*?)</script>', page)
    held = json.loads(gzip.decompress(base64.b64decode(data)))
    assert (held["begin"], held["frames"][0]["i"], held["theme"]) == (dropped + 2, first, "screen")
    assert not re.search(r"@[A-Z]+@", page) and "export default" not in page.partition("<script type")[0]


def test_a_file_is_the_same_whenever_it_is_written():
    assert base64.b64decode(player.packed(sheet(many(1, 2), "time"), 640))[4:8] == bytes(4), (
        "gzip keeps no date"
    )
