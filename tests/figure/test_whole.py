"""The figure as a whole: words that fit, what an empty tape shows, a low figure."""

from __future__ import annotations

import pytest

from labkit import LiveFigure
from labkit.figure.drawing import Sheet
from labkit.figure.panels import PANELS
from labkit.tape.turn import EVENTS

from .reading import drawn, of
from .written import Written, connected, many


@pytest.mark.slow
@pytest.mark.parametrize("width", [640, 760, 900, 1000, 1920, 2560])
@pytest.mark.parametrize("fds", [1, 8, 64])
def test_words_fit_their_boxes_and_no_two_touch(width: int, fds: int):
    from labkit.figure.agg import figure
    from labkit.figure.layout import room
    from labkit.figure.theme import role

    tape = many(fds, 30)
    sheet = Sheet(tape, [PANELS[name]() for name in ("fd sets", "calls", "buffers", "time")])
    drawing = sheet.draw(20, width=width)
    words = [mark for mark in drawing.marks() if mark.text and role(mark.kind, mark.state, mark.event).ink]
    for mark in words:
        font = role(mark.kind, mark.state, mark.event).font
        assert room(mark.text, font) <= mark.box[2] + 1.5, mark
        assert mark.box[0] >= -0.01
        assert mark.box[0] + mark.box[2] <= width + 0.5, mark
        assert mark.box[1] + mark.box[3] <= drawing.height + 0.5, mark
    printed = figure(drawing)
    renderer = printed.canvas.get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in printed.axes[0].texts]
    for at, (one, a) in enumerate(boxes):
        for other, b in boxes[at + 1 :]:
            across = min(a.x1, b.x1) - max(a.x0, b.x0)
            down = min(a.y1, b.y1) - max(a.y0, b.y0)
            assert across < 2 or down < 5, f"{one!r} touches {other!r}"


def test_an_empty_tape_says_so():
    drawing = Sheet(Written([]), [PANELS[name]() for name in PANELS]).draw(-1)
    words = {mark.text for mark in drawing.marks()}
    assert {
        "no iteration yet",
        "no connection",
        "the loop asks about nothing",
        "no call was made yet",
    } <= words
    assert drawing.says == "No iteration is recorded yet."
    assert not of(drawing.marks(), "cell")


def test_a_low_figure_is_as_low_as_it_is_asked_to_be():
    tape = connected(3)
    names = ("fd sets", "calls", "buffers", "time")
    tall = Sheet(tape, [PANELS[name]() for name in names]).draw(1).height
    low = Sheet(tape, [PANELS[name]() for name in names], height=420).draw(1)
    assert low.height <= 420 < tall
    assert {mark.fd for mark in of(low.marks(), "bytes")} == {7, 8, 9}
    assert len(of(low.marks(), "bytes")) == 18


def test_a_compact_figure_leaves_room_for_the_text_beside_it():
    for width in (960, 1200, 1600):
        assert LiveFigure(connected(1), compact=True).draw(width=width).height <= 330


def test_events_are_events():
    cells = of(drawn(many(2, 10), 5, "fd sets"), "cell")
    assert all(cell.event in EVENTS for cell in cells)
