"""The source lines follow the position and mark what changed; the call map draws true edges only."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labkit.figure.drawing import Sheet
from labkit.figure.panels import PANELS
from labkit.tape.turn import Call
from labkit.trace import Line, Source

from .reading import middle, of
from .written import Written, turn

TEXT = {
    ("f.py", "handle_read"): (10, ("def handle_read(self):", "    data = self.recv(8)", "    send(data)")),
    ("f.py", "send"): (30, ("def send(self, data):", "    return 5")),
}
LINES = [
    Line("handle_read", "f.py", 11, 0, (("self", "<Echo>"),), None, 0),
    Line("handle_read", "f.py", 12, 0, (("self", "<Echo>"), ("data", "b'hi'")), None, 1),
    Line("send", "f.py", 31, 1, (("data", "b'hi'"),), None, 1),
    Line("send", "f.py", 31, 1, (("data", "b'ho'"),), "returns 5", 2),
    Line("handle_read", "f.py", 12, 0, (("self", "<Echo>"), ("data", "b'ho'")), "raises ValueError: no", 2),
]
CALLS = (Call(7, "recv", 8, 2, 0, 1), Call(7, "send", 2, 2, 0, 2))


def shown(**at: int) -> list:
    tape = Written([turn(0, calls=CALLS), turn(1)])
    panels = [PANELS["source"](), PANELS["calls"]()]
    return Sheet(tape, panels, lines={0: Source(LINES, TEXT, 0)}).draw(at.pop("index", 0), **at).marks()


@pytest.mark.parametrize(
    "line, number, function", [(0, 11, "handle_read"), (2, 31, "send"), (4, 12, "handle_read")]
)
def test_the_line_that_is_about_to_run_is_marked_in_its_function(line: int, number: int, function: str):
    marks = shown(line=line)
    (band,) = of(marks, "band", "line")
    rows = {mark.value: mark for mark in of(marks, "source")}
    assert band.value == number
    assert middle(band)[1] == middle(rows[number])[1]
    assert rows[number].state == "mono bold"
    first, text = TEXT["f.py", function]
    assert {n: row.text for n, row in rows.items()} == {first + n: t for n, t in enumerate(text)}
    gutter = {mark.text: mark for mark in of(marks, "label") if mark.panel == "source"}
    assert all(middle(gutter[str(n)])[1] == middle(row)[1] for n, row in rows.items())
    words = {mark.text for mark in marks}
    assert function in words
    assert f"f.py:{number}   line {line + 1} of 5" in words


def test_lines_that_ran_are_dark_and_those_that_did_not_are_muted():
    states = {mark.value: mark.state for mark in of(shown(line=1), "source")}
    assert states == {10: "mono muted", 11: "mono", 12: "mono bold"}


@pytest.mark.parametrize("line, done", [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2)])
def test_every_panel_follows_the_line_to_the_calls_made_before_it(line: int, done: int):
    marks = shown(line=line)
    assert len(of(marks, "call", "outcome")) == (done if done < 2 else 2)


@pytest.mark.parametrize("call, number", [(0, 11), (1, 11), (2, 31)])
def test_the_source_follows_the_call_to_the_line_that_made_it(call: int, number: int):
    (band,) = of(shown(call=call), "band", "line")
    assert band.value == number


def test_values_stand_by_their_names_and_those_that_changed_are_marked():
    values = {mark.text: mark.state for mark in of(shown(line=3), "variable")}
    assert values == {"returns 5": "", "data = b'ho'": "changed"}
    values = {mark.text: mark.state for mark in of(shown(line=1), "variable")}
    assert values == {"self = <Echo>": "", "data = b'hi'": ""}
    values = {mark.text: mark.state for mark in of(shown(line=4), "variable")}
    assert values == {"raises ValueError: no": "raised", "self = <Echo>": "", "data = b'ho'": "changed"}


@pytest.mark.parametrize("line, path", [(0, "handle_read"), (2, "handle_read › send"), (4, "handle_read")])
def test_the_path_of_callers_is_shown(line: int, path: str):
    assert [mark.text for mark in of(shown(line=line), "text", "outcome")] == [path]


def test_an_iteration_without_lines_says_so():
    assert "Iteration 1 ran untraced." in {mark.text for mark in shown(index=1)}


# ---- the call map ----------------------------------------------------------------------------------------


def method(name: str, inside: int) -> Call:
    return Call(7, name, None, inside, 0, 1)


HANDLED = (
    method("handle_read_event", 4), method("handle_read", 3), Call(7, "recv", 8, 2, 0, 1), method("send", 1),
    Call(7, "send", 2, 2, 0, 1),
)  # fmt: skip


def mapped(index: int, call: int | None = None) -> list:
    tape = Written([turn(0, calls=HANDLED), turn(1, calls=HANDLED[:3]), turn(2)])
    return Sheet(tape, [PANELS["call map"]()]).draw(index, call).marks()


def test_an_edge_is_drawn_for_each_call_that_was_seen_and_for_no_other():
    pairs = [("handle_read_event", "handle_read"), ("handle_read", "recv"), ("handle_read", "send")]
    edges = {mark.text for mark in of(mapped(2), "edge")}
    assert {tuple(edge.split(" → ")) for edge in edges} >= set(pairs)
    assert ("recv", "send") not in {tuple(edge.split(" → ")) for edge in edges}
    assert ("handle_read_event", "recv") not in {tuple(edge.split(" → ")) for edge in edges}


def test_counts_are_those_up_to_the_position_and_of_this_iteration():
    marks = mapped(1)
    times = {mark.text: mark for mark in of(marks, "count", "")}
    now = {mark.text: mark for mark in of(marks, "count", "now")}
    assert (times["handle_read"].value, now["handle_read"].value) == (2, 1)
    assert times["handle_read"].box[2] == pytest.approx(2 * now["handle_read"].box[2])
    assert times["recv"].box[0] == now["recv"].box[0]
    for name, bar in times.items():
        row = next(m for m in of(marks, "method") if m.text.split()[0] == name and m.value == bar.value)
        assert middle(row)[1] == middle(bar)[1]
        assert row.state == ("mono bold" if now[name].value else "mono muted")


@pytest.mark.parametrize("call, recv", [(0, 1), (2, 1), (3, 2)])
def test_the_map_follows_the_call(call: int, recv: int):
    counts = {mark.text: mark.value for mark in of(mapped(1, call), "count", "")}
    assert counts["recv"] == recv


def test_scrubbing_back_counts_less():
    tape = Written([turn(i, calls=HANDLED) for i in range(9)])
    sheet = Sheet(tape, [PANELS["call map"]()])
    for index in (8, 2, 5, 0):
        counts = {mark.text: mark.value for mark in of(sheet.draw(index).marks(), "count", "")}
        assert counts["recv"] == index + 1


def test_a_callee_is_indented_under_its_caller_and_joined_to_it():
    marks = mapped(1)
    rows = {mark.text: mark for mark in of(marks, "method")}
    assert rows["handle_read"].box[0] < rows["recv"].box[0]
    assert rows["handle_read"].box[1] < rows["recv"].box[1]
    into = [mark for mark in of(marks, "edge") if mark.text == "handle_read → recv"]
    assert {round(mark.box[1] + mark.box[3], 1) for mark in into} == {round(middle(rows["recv"])[1], 1)}
    assert min(mark.box[1] for mark in into) >= rows["handle_read"].box[1]
    assert SimpleNamespace(legend=[m.text for m in of(marks, "legend")]).legend == [
        "calls up to here", "calls in this iteration", "└ called by; ↑ see above",
    ]  # fmt: skip
