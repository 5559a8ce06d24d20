"""A view's position, what it hands out of it, and what it says of input that it cannot use."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from labkit import LiveFigure, Tape
from labkit.figure import agg
from labkit.figure.panels.source import SourceLines
from labkit.figure.panels.time import Time
from labkit.figure.view import Position, View
from labkit.tape.turn import Call
from labkit.trace import Source

from .reading import of
from .test_source_and_map import LINES, TEXT
from .written import Player, Written, connected, many, turn


def viewed(player: Any, *panels: Any, **options: Any) -> View:
    options = {"theme": "screen", "size": None, **options}
    return View(player, panels or ["time"], **options)


@pytest.mark.parametrize("make, error, said", [
    (lambda: viewed(42), TypeError,
     "a figure of 42 is not possible: give a Lab, a Tape, or anything with tape, step, run and pause"),
    (lambda: viewed(SimpleNamespace(tape=[])), TypeError,
     "a figure of namespace(tape=[]) is not possible: give a Lab, a Tape, or anything with tape, step, run "
     "and pause"),
    (lambda: viewed(Tape(), "clouds"), ValueError,
     "there is no panel 'clouds'; there are fd sets, buffers, calls, time, source, call map, or give a "
     "Panel"),
    (lambda: viewed(Tape(), theme="dark"), ValueError, "theme='dark': there are 'screen' and 'projector'"),
    *((lambda size=size: viewed(Tape(), size=size), ValueError,
       f"size={size!r}: give (width, height) in pixels, such as (1000, 600)")
      for size in (7, (1,), (1, 2, 3), ("wide", "high"))),
    *((lambda size=size: viewed(Tape(), size=size), ValueError,
       f"size={size!r}: a figure is (320, 100) to (4000, 3000) pixels, (1000, 600) by default")
      for size in ((319, 100), (320, 99), (4001, 600), (600, 3001))),
    (lambda: viewed(Tape()).marks(0), IndexError,
     "there is no iteration 0 to show: the tape is empty; −1 is the newest"),
    *((lambda i=i: viewed(many(1, 3, dropped=5_000)).draw(i), IndexError,
       f"there is no iteration {i} to show: the tape holds 5,000 to 5,002; −1 is the newest")
      for i in (4_999, 5_003, -4, 0)),
    (lambda: viewed(Tape()).set_granularity("source line"), ValueError,
     "'source line': this figure moves by iteration, call"),
    (lambda: viewed(Tape(), "source").set_granularity("byte"), ValueError,
     "'byte': this figure moves by iteration, call, source line"),
    (lambda: viewed(Tape()).save("a.gif"), ValueError,
     "'a.gif': a figure is saved as .png, .svg, .html; name the file so"),
    (lambda: viewed(Tape()).save("a.html"), ValueError,
     "the tape is empty: step the lab once, then save the figure"),
    (lambda: LiveFigure(Tape(), printer="laser"), ValueError,
     "printer='laser': there are 'browser' and 'matplotlib'"),
])  # fmt: skip
def test_what_it_cannot_use_is_told_with_what_it_can(make: Any, error: type[Exception], said: str):
    with pytest.raises(error) as raised:
        make()
    assert str(raised.value) == said


@pytest.mark.parametrize("size", [(320, 100), (4000, 3000), ("640", 200.9)])
def test_a_size_is_the_width_of_what_is_drawn_and_the_most_that_it_is_high(size: Any):
    view = viewed(many(30, 9), size=size)
    assert (view.draw().width, view.sheet.height) == (int(size[0]), int(size[1]))
    assert viewed(many(30, 9)).draw().width == 1000


def test_panels_are_named_or_given_in_any_way():
    given = Time()
    view = viewed(Tape(), "fd_sets", Time, given, "call map")
    assert [each.name for each in view.panels] == ["fd sets", "time", "time", "call map"]
    assert view.panels[2] is given and view.panels[1] is not given


@pytest.mark.unhurried
def test_what_it_hands_out_is_of_the_iteration_and_the_call_that_are_asked_for():
    view = viewed(connected(1), "calls", "buffers", size=(700, 900))
    for i, call in ((1, 0), (1, 1), (1, None), (0, None)):
        whole = json.loads(view.drawing(i, call))
        assert (whole["i"], whole["call"], whole["w"]) == (i, call, 700)
        held = [m.value for m in of(view.marks(i, call), "bytes", "read_buffer")]
        assert held == [{(1, 0): 202, (1, 1): 210}.get((i, call), 202)]
        assert max(m.box[0] + m.box[2] for m in view.marks(i, call)) > 700, "marks are at width 1000"
        assert (view.frame(i, call) == agg.pixels(view.draw(i, call))).all()
    assert view.draw(-2).index == 0 and view.draw(-1).index == view.draw().index == 1
    assert (view.frame(1, 0) != view.frame(1)).any()
    assert view.alt(0).startswith("Iteration 0: ") and view.alt() == view.alt(1)
    assert view.png(0) == agg.png(view.draw(0)) != view.png()


@pytest.mark.unhurried
def test_it_is_saved_at_the_scale_of_its_theme(tmp_path: Path):
    view = viewed(connected(1), theme="projector", size=(400, 300))
    assert view.use_theme("projector") is view
    path = view.save(tmp_path / "a.PNG", 0)
    assert path == tmp_path / "a.PNG" and path.read_bytes() == agg.png(view.draw(0), scale=1.5)
    assert view.frame().shape[1] == 630
    svg = view.save(str(tmp_path / "b.svg"), 0)
    assert ElementTree.fromstring(svg.read_text("utf-8")).get("width") == "453.6pt"  # 630 px at 100 dpi
    assert "<title>Iteration 0: " in svg.read_text("utf-8")
    named = "é" if sys.getfilesystemencoding() == "utf-8" else "e"  # LC_ALL=C
    html = view.save(tmp_path / f"{named}.html").read_text("utf-8")
    assert "iterations 0 to 1" in html and "↑" not in html.partition("<script")[0]


def test_positions_by_iteration_call_and_line():
    calls = (Call(5, "recv", 8, 3, 0, 1), Call(5, "send", 3, 3, 0, 2))
    tape = Written([turn(i, calls=calls if i == 8 else ()) for i in range(7, 10)], dropped=7)
    view = viewed(tape, "source", SourceLines({8: Source(LINES, TEXT, 0), 99: Source(LINES, TEXT, 0)}))
    assert view.position == Position(9) and view.call is None
    expected = {
        "iteration": [(8, None, None), (7, None, None)],
        "call": [(8, None, None), (8, 1, None), (8, 0, None), (7, None, None)],
        "source line": [(8, None, None), *((8, None, line) for line in (4, 3, 2, 1, 0)), (7, None, None)],
    }
    for granularity, positions in expected.items():
        view.show(-1).set_granularity(granularity)
        assert view.following
        for position in positions:
            assert view.beside(-1) == position and view.back() and view.position == position
            assert not view.following
            assert view.call == position[1] and view.index == position[0]
        assert view.beside(-1) is None and not view.back() and view.position == positions[-1]
        for position in [*positions[-2::-1], (9, None, None)]:
            assert view.beside(1) == position and view.forward() and view.position == position
        assert not view.forward() and view.following
    view.show(8, None, 1)
    assert view.over() and view.position.line == 4, "past the deeper ones"
    assert not view.over() and view.position == Position(8)
    view.show(8, None, 3)
    assert view.over() and view.position.line == 4
    view.show(8, None, 0)
    assert view.to_my_code() and view.position.line == 1
    view.show(7)
    assert view.over() and view.index == 8, "what was not traced is one position"


def test_a_position_that_the_ring_has_dropped_is_its_oldest():
    tape = many(1, 4)
    view = viewed(tape).show(1)
    del tape._its[:3]
    tape.dropped = 3
    assert view.position == Position(3) and view.index == 3
    tape._its.clear()
    tape.dropped = 0
    assert view.position == Position(-1) and not view.back() and not view.forward()


def test_what_runs_the_player():
    player = Player(3)
    view = viewed(player)
    view.show(0)
    view.step()
    assert (view.index, view.following, player.acts) == (3, True, ["step"])
    view.show(0).run()
    assert (view.index, view.following, view.running, view.playing) == (3, True, True, False)
    view.pause()
    assert not view.running and player.acts == ["step", "run", "pause"]
    view.speed = 4.0
    view.show(0).run()
    assert view.playing and view.running and view.index == 0
    view.pause()
    assert player.acts[3:] == ["pause"] and not view.playing
    view.lines[1], view.playing = Source(LINES, TEXT, 0), True
    view.flag([("slug", None, 0, 1, "it spins")])
    view.reset()
    assert view.tape is player.tape is view.sheet.tape and view.position == Position(-1)
    assert not view.lines and not view.sheet.findings and not view.playing and view.following


def test_a_tape_is_played_from_where_it_stands_or_from_its_beginning():
    view = viewed(many(1, 4, dropped=6))
    assert view.speed == 4.0 and not view.playing
    view.run()
    assert view.playing and view.index == 6
    view.pause()
    view.show(7).run()
    assert view.index == 7
    view.step()
    assert view.index == 8 and view.playing


def test_findings_are_given_as_tuples_or_as_diagnose_gives_them():
    found = SimpleNamespace(rule="stall", fd=5, first=1, last=2, what="it stalls")
    view = viewed(many(1, 4), findings=[("slug", None, 0, 1, "it spins"), found])
    assert [tuple(each) for each in view.sheet.findings] == [
        ("slug", None, 0, 1, "it spins"), ("stall", 5, 1, 2, "it stalls"),
    ]  # fmt: skip


@pytest.mark.parametrize("findings, flagged", [(True, ["slug"]), (False, []), ([("a", 1, 0, 0, "b")], ["a"])])
def test_what_is_wrong_is_flagged_as_asked_for(
    monkeypatch: pytest.MonkeyPatch, findings: Any, flagged: list[str]
):
    monkeypatch.setattr("labkit.figure.live.diagnose", lambda _: [("slug", 5, 0, 1, "it spins")])
    figure = LiveFigure(many(1, 4), findings=findings)
    figure.marks()
    assert [each.rule for each in figure.sheet.findings] == flagged


def test_a_live_figure_is_as_low_and_as_fine_as_its_panels_and_compact_ask_for():
    tape = many(20, 9)
    assert [each.name for each in LiveFigure(tape).panels] == ["fd sets", "calls", "buffers", "time"]
    assert LiveFigure(tape).granularity == "iteration"
    assert LiveFigure(tape, "time", "source").granularity == "source line"
    assert LiveFigure(tape, compact=True).sheet.height == 320 and LiveFigure(tape).sheet.height is None
    assert LiveFigure(tape, compact=True, size=(640, 400)).sheet.height == 400
    assert LiveFigure(tape, size=(640, 400)).draw().width == 640
