"""Every cell, band, number and flag of the fd sets against the tape, and never against the panel."""

from __future__ import annotations

import errno
import math
from collections import defaultdict

import pytest

from labkit.figure.drawing import Sheet
from labkit.figure.panels import PANELS
from labkit.figure.panels.compared import Compared
from labkit.figure.panels.panel import Finding
from labkit.tape.turn import Call, Now

from .reading import EXCEPT, READ, WRITE, drawn, middle, of, strongest
from .written import Written, events, many, turn


@pytest.mark.parametrize("fds", [1, 3, 8, 24, 25, 64, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("beyond", [False, True], ids=["read and write", "exceptional too"])
def test_each_cell_is_what_the_tape_says(fds: int, beyond: bool):
    tape = many(fds, 40, seed=fds, beyond=beyond)
    cells = of(drawn(tape, 30, "fd sets", width=1000), "cell")
    said = {(cell.fd, cell.iteration, cell.event): cell.state for cell in cells}
    assert len(said) == len(cells), "a cell is there twice"
    shown = {iteration for _, iteration, _ in said}
    assert 30 in shown
    assert len(shown) >= 8
    true = {
        (fd, index, bit): state
        for index in range(min(shown), max(shown) + 1)
        for fd in tape.iteration(index).names
        for bit in (READ, WRITE, EXCEPT)
        if (state := strongest(tape.iteration(index), fd, bit))
    }
    assert said == true


@pytest.mark.unhurried
@pytest.mark.parametrize("fds", [3, 24, 64, 300])
def test_each_cell_stands_in_the_row_of_its_label_and_under_the_number_of_its_iteration(fds: int):
    tape = many(fds, 40, beyond=False)
    marks = drawn(tape, 30, "fd sets")
    cells = of(marks, "cell")
    labels = {mark.fd: mark for mark in of(marks, "label")}
    if fds <= 24:
        assert labels.keys() == {cell.fd for cell in cells}
    assert len(labels) >= min(fds, 12)
    for fd, label in labels.items():
        assert label.text.startswith(f"{fd} ")
        rows = {middle(cell)[1] for cell in cells if cell.fd == fd}
        assert all(abs(row - middle(label)[1]) < 0.01 for row in rows)
        assert all(label.box[0] + label.box[2] <= cell.box[0] for cell in cells)
    numbers = {mark.iteration: mark for mark in of(marks, "number")}
    assert all(mark.text == f"{index:,}" for index, mark in numbers.items())
    for index, number in numbers.items():
        column = [cell for cell in cells if cell.iteration == index]
        if column:
            left = min(cell.box[0] for cell in column)
            right = max(cell.box[0] + cell.box[2] for cell in column)
            assert left - 3 <= middle(number)[0] <= right + 12
            assert number.box[1] >= max(cell.box[1] + cell.box[3] for cell in column) - 1
    ordered = sorted({(cell.fd, middle(cell)[1]) for cell in cells if cell.event == READ})
    assert [y for _, y in ordered] == sorted(y for _, y in ordered), "rows stand in the order of their fds"


@pytest.mark.parametrize("fds", [3, 64])
def test_columns_stand_in_order_one_step_from_each_other_and_never_overlap(fds: int):
    cells = of(drawn(many(fds, 40), 30, "fd sets"), "cell")
    spans: dict[int, list[float]] = defaultdict(list)
    for cell in cells:
        spans[cell.iteration] += [cell.box[0], cell.box[0] + cell.box[2]]
    columns = [(min(xs), max(xs)) for _, xs in sorted(spans.items())]
    assert all(right <= left for (_, right), (left, _) in zip(columns, columns[1:], strict=False))
    steps = {round(b[0] - a[0], 3) for a, b in zip(columns, columns[1:], strict=False)}
    assert max(steps) - min(steps) <= max(r - x for x, r in columns)


@pytest.mark.unhurried
@pytest.mark.parametrize("fds", [3, 64])
def test_read_write_and_exceptional_have_a_place_of_their_own(fds: int):
    cells = of(drawn(many(fds, 40), 30, "fd sets"), "cell")
    inside: dict[tuple, dict[int, float]] = defaultdict(dict)
    offsets: dict[int, set[float]] = defaultdict(set)
    left = {}
    for cell in cells:
        left[cell.iteration] = min(left.get(cell.iteration, math.inf), cell.box[0])
    for cell in cells:
        inside[cell.fd, cell.iteration][cell.event] = cell.box[0]
        offsets[int(cell.event)].add(round(cell.box[0] - left[cell.iteration], 1))
    for places in inside.values():
        by_event = [places[bit] for bit in sorted(places)]
        assert by_event == sorted(by_event)
        assert len(set(by_event)) == len(by_event)
    assert max(offsets[READ]) < max(offsets[WRITE]) < max(offsets[EXCEPT])


@pytest.mark.parametrize("index", [0, 1, 7, 12, 23, 24, 30, 39])
@pytest.mark.parametrize("panel", ["fd sets", "time"])
def test_the_band_lies_over_the_iteration_that_is_shown_and_no_other(panel: str, index: int):
    marks = drawn(many(3, 40), index, panel)
    (band,) = of(marks, "band")
    assert band.iteration == index
    x, y, w, h = band.box
    things = [mark for mark in marks if mark.kind in ("cell", "bar")]
    for thing in things:
        left, top, wide, high = thing.box
        inside = x - 0.01 <= left and left + wide <= x + w + 0.01
        assert inside == (thing.iteration == index)
        assert y <= top + 0.01
        assert top + high <= y + h + 0.01
    (current,) = of(marks, "number", "current")
    assert current.iteration == index
    assert current.text == str(index)
    assert abs(middle(current)[0] - middle(band)[0]) <= w


def test_columns_stand_still_while_the_position_moves_through_them():
    tape = many(3, 40)
    places = [
        {(c.fd, c.iteration, c.event): c.box for c in of(drawn(tape, i, "fd sets"), "cell")} for i in (25, 26)
    ]
    assert places[0] == places[1]


def test_a_ring_shows_what_it_still_holds():
    tape = many(3, 20, dropped=1_000)
    cells = of(drawn(tape, 1_005, "fd sets"), "cell")
    assert {cell.iteration for cell in cells} <= set(range(1_000, 1_020))
    assert 1_005 in {cell.iteration for cell in cells}
    assert min(cell.iteration for cell in cells) == 1_000


def test_only_the_calls_that_were_made_by_now_got_eagain():
    again = [Call(5, "recv", 10, None, errno.EAGAIN, 1), Call(5, "send", 10, None, errno.EAGAIN, 2)]
    tape = Written([turn(0, interest=events({5: 3}), ready=events({5: 3}), calls=tuple(again))])
    for made, states in [(0, ("ready", "ready")), (1, ("eagain", "ready")), (2, ("eagain", "eagain"))]:
        cells = {c.event: c.state for c in of(drawn(tape, 0, "fd sets", call=made), "cell")}
        assert (cells[READ], cells[WRITE]) == states
    cells = {c.event: c.state for c in of(drawn(tape, 0, "fd sets"), "cell")}
    assert set(cells.values()) == {"eagain"}


@pytest.mark.unhurried
@pytest.mark.parametrize("fds", [3, 300])
def test_what_is_ready_or_got_eagain_is_seen_however_low_its_row(fds: int):
    for cell in of(drawn(many(fds, 30), 20, "fd sets"), "cell"):
        assert cell.box[2] >= 4
        assert cell.box[3] >= (3 if cell.state != "asked" else 0.3)


def test_low_cells_that_look_alike_are_drawn_in_one_which_covers_them_all():
    tape = Written([turn(0, interest=events(dict.fromkeys(range(3, 303), 1)), ready=events({100: 1}))])
    sheet = Sheet(tape, [PANELS["fd sets"]()])
    drawing = sheet.draw(0)
    cells = of(drawing.marks(), "cell")
    joined = of(drawing.drawn(), "cell")
    assert len(cells) == 300
    assert [(c.state, c.value) for c in joined] == [("asked", 97), ("asked", 202), ("ready", None)]
    first = joined[0]
    covered = [c for c in cells if first.fd <= c.fd < 100]
    assert first.box[1] == covered[0].box[1]
    assert first.box[1] + first.box[3] == pytest.approx(covered[-1].box[1] + covered[-1].box[3])
    assert first.text == "97 fds, 3 to 99: read asked, not ready"


@pytest.mark.parametrize("fds", [5, 9, 33, 200])
def test_for_a_new_fd_no_column_is_made_anew_that_does_not_show_it(fds: int):
    """There are rows kept free for it, in a heat map too."""
    few = turn(0, interest=events(dict.fromkeys(range(3, 3 + fds), 1)))
    more = turn(1, interest=events(dict.fromkeys(range(3, 4 + fds), 1)))
    sheet = Sheet(Written([few, more]), [PANELS["fd sets"]()])
    sheet.show(Written([few]))
    before = {layer.key: layer.marks for layer in sheet.draw(0).layers if "column" in layer.key}
    sheet.tape = Written([few, more])
    after = {layer.key: layer.marks for layer in sheet.draw(1).layers if "column" in layer.key}
    assert len(before) == 1 and len(after) == 2
    assert all(after[key] is marks for key, marks in before.items())


def test_an_error_of_a_handler_is_outlined_where_it_happened():
    tape = many(3, 20)
    marks = drawn(tape, 15, "fd sets")
    shown = {mark.iteration for mark in of(marks, "cell")}
    expected = {(fd, it.index, text) for it in map(tape.iteration, shown) for fd, text in it.errors}
    errors = of(marks, "error")
    assert {(mark.fd, mark.iteration, mark.text) for mark in errors} == expected
    assert expected
    for error in errors:
        x, y, w, h = error.box
        for cell in of(marks, "cell"):
            left, top, wide, high = cell.box
            inside = x <= left and left + wide <= x + w and y <= top and top + high <= y + h
            assert inside == ((cell.fd, cell.iteration) == (error.fd, error.iteration))


def test_the_pale_column_shows_what_the_kernel_holds_now_and_only_beside_the_newest():
    its = [turn(i, interest=events({5: 1, 6: 3})) for i in range(3)]
    now = Now(events({5: 1, 6: 3}), events({6: 2}), {}, {})
    tape = Written(its, now=now)
    marks = drawn(tape, 2, "fd sets")
    (column,), (ready,) = of(marks, "now", "column"), of(marks, "now", "ready")
    assert (ready.fd, ready.event, ready.iteration) == (6, WRITE, None)
    newest = [cell for cell in of(marks, "cell") if cell.iteration == 2]
    assert all(cell.box[0] + cell.box[2] <= column.box[0] for cell in newest)
    assert column.box[0] <= ready.box[0] < column.box[0] + column.box[2]
    row = next(cell for cell in newest if (cell.fd, cell.event) == (6, WRITE))
    assert ready.box[1] == row.box[1]
    assert ready.box[0] - column.box[0] == pytest.approx(row.box[0] - of(marks, "band")[0].box[0])
    assert "held now" in {mark.text for mark in of(marks, "legend")}
    assert not of(drawn(tape, 1, "fd sets"), "now")
    assert not of(drawn(Written(its), 2, "fd sets"), "now")
    assert "held now" not in {mark.text for mark in of(drawn(tape, 1, "fd sets"), "legend")}


def test_the_legend_names_what_is_drawn_beside_its_own_swatch():
    marks = drawn(many(3, 20), 10, "fd sets")
    swatches, words = of(marks, "swatch"), of(marks, "legend")
    assert [mark.text for mark in swatches] == [mark.text for mark in words]
    assert [mark.text for mark in words] == [
        "asked", "ready", "EAGAIN", "read, left", "write, middle", "exceptional, right",
    ]  # fmt: skip
    assert [mark.state for mark in swatches] == [
        "legend asked", "legend ready", "legend eagain", "cell ready read", "cell ready write",
        "cell ready exceptional",
    ]  # fmt: skip
    for swatch, text in zip(swatches, words, strict=True):
        assert swatch.box[0] + swatch.box[2] <= text.box[0] <= swatch.box[0] + 24
    two = drawn(many(3, 20, beyond=False), 10, "fd sets")
    assert [mark.text for mark in of(two, "legend")][3:] == ["read, left", "write, right"]
    low = of(drawn(many(64, 20, beyond=False), 10, "fd sets"), "swatch")
    assert [(mark.state, mark.text) for mark in low] == [
        ("legend low asked", "asked"), ("bar cpu", "EAGAIN"),
        ("cell ready read", "ready: read, left"), ("cell ready write", "ready: write, right"),
    ]  # fmt: skip


@pytest.mark.parametrize("panel", ["fd sets", "time"])
def test_findings_are_flagged_under_their_iterations(panel: str):
    tape = many(3, 20)
    findings = [Finding("eof-spin", 5, 3, 6, "it spins"), Finding("late", None, 18, 18, "late"),
                Finding("beyond", 3, 90, 99, "not shown")]  # fmt: skip
    marks = drawn(tape, 15, panel, findings=findings)
    flags = of(marks, "finding")
    assert [(f.state, f.fd, f.iteration, f.value, f.text) for f in flags] == [
        ("eof-spin", 5, 3, 6, "it spins"), ("late", None, 18, 18, "late"),
    ]  # fmt: skip
    for flag in flags:
        under = {
            mark.iteration
            for mark in marks
            if mark.kind in ("cell", "bar") and flag.box[0] - 1 <= mark.box[0] < flag.box[0] + flag.box[2]
        }
        assert under == set(range(flag.iteration, flag.value + 1))
        assert all(flag.box[1] >= mark.box[1] + mark.box[3] - 0.01 for mark in of(marks, "number"))


def test_two_tapes_are_compared_column_by_column():
    calls = (Call(5, "recv", 8, 3, 0, 1),)
    same = [turn(i, interest=events({5: 1}), ready=events({5: 1}), calls=calls) for i in range(6)]
    other = list(same)
    other[1] = turn(1, interest=events({5: 3}), ready=events({5: 1}), calls=calls)
    other[3] = turn(3, interest=events({5: 1}), calls=())
    other[4] = turn(4, interest=events({5: 1}), ready=events({5: 1}), calls=(calls[0]._replace(at_ns=99),))
    one, two = Written(same[:5]), Written(other)
    drawing = Sheet(one, [PANELS["fd sets"](), Compared(one, two, "with epoll")]).draw(2)
    marks = [mark for mark in drawing.marks() if mark.panel == "compared"]
    assert {mark.iteration: mark.text for mark in of(marks, "differs")} == {
        1: "iteration 1 differs: interest sets",
        3: "iteration 3 differs: ready sets, calls",
        5: "iteration 5 differs: the other tape has no such iteration",
    }
    states = {(c.iteration, int(c.event)): c.state for c in of(marks, "cell")}
    assert states[1, WRITE] == "asked"
    assert states[3, READ] == "asked"
    for outline in of(marks, "differs"):
        x, y, w, h = outline.box
        column = [c.box for c in of(marks, "cell") if c.iteration == outline.iteration]
        assert all(x <= a and a + b <= x + w and y <= t and t + d <= y + h for a, t, b, d in column)
    assert "fd sets of with epoll; outlined where they differ" in {mark.text for mark in marks}


def test_two_tapes_are_aligned_where_they_part():
    """The other has two idle iterations more, and its connection another fd: it is read from all the same."""
    asked, told = events({5: 1}), {"names": {5: "client :1111"}}
    mine = [turn(i, interest=asked, ready=asked, **told) for i in range(6)]
    mine[4] = turn(4, interest=events({5: 3}), ready=asked, **told)
    theirs, names = events({9: 1}), {"names": {9: "client :2222"}}
    idle = [turn(i, interest=theirs, **names) for i in range(2)]
    other = idle + [turn(i, interest=theirs, ready=theirs, **names) for i in range(2, 8)]
    drawing = Sheet(
        one := Written(mine), [PANELS["fd sets"](), Compared(one, Written(other), "theirs")]
    ).draw(4)
    outlines = of((mark for mark in drawing.marks() if mark.panel == "compared"), "differs")
    assert {mark.iteration: mark.text for mark in outlines} == {6: "iteration 6 differs: interest sets"}
    bands = {mark.panel: mark.box[0] for mark in of(drawing.marks(), "band")}
    assert bands["compared"] == bands["fd sets"]
    eighths = [mark.iteration for mark in of(drawing.marks(), "number", "") if mark.panel == "compared"]
    assert eighths == [n for n in range(2, 42) if n % 8 == 0 and n != 6]


@pytest.mark.parametrize("fds, width", [(3, 420), (40, 420), (40, 640), (40, 1000)])
def test_no_word_of_the_legend_is_outside(fds: int, width: int):
    words = of(drawn(many(fds, 20), 10, "fd sets", width=width), "legend")
    assert max(mark.box[0] + mark.box[2] for mark in words) <= (width)
