"""Charts show the numbers they were given: bars, steps, pointers and curves against their data."""

from __future__ import annotations

import math
import re
import warnings
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from labkit import Tape
from labkit.charts.charts import bars, pointers, shares, steps
from labkit.charts.compare import compare
from labkit.charts.curves import curves
from labkit.charts.fonts import fonts, letters
from labkit.charts.palette import PALETTES, SERIES, series
from labkit.charts.style import LOOKS, Chart, apart, look_of
from labkit.measure.costs import Point, Sweep
from labkit.tape.text import printable

from ..helpers import EVIL


def texts(chart: Chart) -> list[str]:
    """Every text of a chart that is not empty."""
    found = list(chart.figure.texts)
    for axes in chart.figure.axes:
        chart.figure.canvas.draw()
        found += [
            *axes.texts,
            *axes.get_xticklabels(),
            *axes.get_yticklabels(),
            axes.xaxis.label,
            axes.yaxis.label,
        ]
    return [text.get_text() for text in found if text.get_text() and text.get_visible()]


def test_each_bar_is_as_long_as_its_number_and_all_have_one_colour():
    values = {"alice": 500.0, "bob": 125.0, "nobody": 0.0, "carol": 250.0}
    chart = bars(values, "waited", unit="ms", notes={"bob": "at once"})
    (axes,) = chart.figure.axes
    lengths = [bar.get_width() for bar in axes.patches]
    assert lengths == list(values.values())
    assert axes.get_xlim()[0] == 0
    assert {to_hex(bar.get_facecolor()) for bar in axes.patches} == {PALETTES["light"]["value"]}
    names = {round(tick.get_position()[1]): tick.get_text() for tick in axes.get_yticklabels()}
    for bar, name in zip(axes.patches, values, strict=True):
        assert names[round(bar.get_y() + bar.get_height() / 2)] == name
    assert {"500 ms", "125 ms   at once", "0 ms", "250 ms", "waited"} <= set(texts(chart))
    assert chart.alt == "waited: alice 500 ms; bob 125 ms at once; nobody 0 ms; carol 250 ms."


def parts_of(chart: Chart) -> dict[str, dict[str, float]]:
    """{name: {part: how many}} as the bars of `shares` have it: by place, length, and the key's colours."""
    (axes,), (key,) = chart.figure.axes, chart.figure.legends
    named = {
        to_hex(patch.get_facecolor()): text.get_text()
        for patch, text in zip(key.get_patches(), key.get_texts(), strict=True)
    }
    rows = {round(tick.get_position()[1]): tick.get_text() for tick in axes.get_yticklabels()}
    found: dict[str, dict[str, float]] = {name: {} for name in rows.values()}
    for bar in sorted(axes.patches, key=lambda bar: bar.get_x()):
        parts = found[rows[round(bar.get_y() + bar.get_height() / 2)]]
        if bar.get_width():
            assert bar.get_x() == sum(parts.values()), "each begins where the one before it ends"
            parts[named[to_hex(bar.get_facecolor())]] = bar.get_width()
    return found


def test_a_bar_is_made_of_its_parts_and_the_axis_says_what_it_counts():
    rows = {"alice": {"sent": 3, "lost": 1}, "bob": {"lost": 12}, "carol": {"sent": 2, "lost": 0}, "eve": {}}
    chart = shares(rows, "frames", unit="frames a peer", colours={"sent": "good", "lost": "bad"})
    assert parts_of(chart) == rows | {"carol": {"sent": 2}}
    (axes,) = chart.figure.axes
    assert axes.get_xlim() == (0, 12) and axes.get_xlabel() == "frames a peer"
    assert all(float(tick).is_integer() for tick in axes.get_xticks()), "nobody is a half"
    assert {"3 sent, 1 lost", "12 lost", "2 sent", "0"} <= set(texts(chart))
    assert chart.alt == "frames, frames a peer: alice: 3 sent, 1 lost; bob: 12 lost; carol: 2 sent; eve: 0."


def test_any_name_is_drawn_and_none_is_run():
    name = EVIL
    for chart in (
        bars({name: 1}, name, unit=name, notes={name: name}),
        shares({name: {name: 1}}, name, unit=name, colours={name: "good"}),
        steps({name: [1, 2]}, name, y=name, x=name, marks={name: [0]}, mark=name),
        pointers({name: [name, "other"]}, [(name, "other")], name, crossed=[name]),
        curves(Sweep({name: (Point(1, 2, 1, 3),)}, of=name, title=name, unit=name, reference={name: {1: 2}})),
        compare({name: Tape()}, name),
    ):
        shown = chart._repr_mimebundle_()
        assert printable(name) in shown["text/plain"] and shown["text/plain"].isprintable()
        assert not re.search("<!--|</?script", shown["text/html"]) and shown["text/html"].isprintable()
        lines = "\n".join(texts(chart)).split("\n")
        assert any(printable(name) in line for line in lines) and "".join(lines).isprintable()


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_nothing_of_a_chart_is_cut(look: str):
    flat = Point(10, 5.0, 4.0, 6.0), Point(1000, 5.5, 5.0, 6.0)
    steep = Point(10, 5.0, 4.0, 6.0), Point(1000, 400.0, 300.0, 500.0)
    sweep = Sweep({"select": steep, "epoll": flat}, of="fds", title="one wait")
    long, two = {"a name that is rather long": 10**12, "b": 1}, {"some": "good", "others": "bad"}
    for chart in (
        bars(long, "title", unit="bytes", notes={"b": "a note " * 5}, look=look),
        shares(dict.fromkeys(long, dict.fromkeys(two, 10**5)), "title", unit="n", colours=two, look=look),
        pointers({"who": ["fd 3", "fd 4"], "what": ["a file"]}, [("fd 3", "a file")], "title", look=look),
        curves(sweep, look=look),
    ):
        chart.figure.canvas.draw()
        renderer = chart.figure.canvas.get_renderer()
        box = chart.figure.get_tightbbox(renderer)  # in inches
        wide, high = chart.figure.get_size_inches()
        assert box.x0 >= 0 and box.x1 <= wide, chart.alt
        assert box.y0 >= 0 and box.y1 <= high, chart.alt


def test_steps_stand_at_their_values_and_marks_where_they_are_said():
    chart = steps(
        {"level": [3, 1, 2], "edge": [0, 4, 4]}, "left", y="bytes", marks={"level": [0, 2]}, mark="ready"
    )
    for axes, values in zip(chart.figure.axes, ([3, 1, 2], [0, 4, 4]), strict=True):
        line = axes.lines[0]
        assert list(line.get_ydata())[:3] == values
        assert line.get_drawstyle() == "steps-post"
        assert axes.get_ylim() == chart.figure.axes[0].get_ylim(), "one scale for all lanes"
    assert list(chart.figure.axes[0].lines[1].get_xdata()) == [0.5, 2.5]
    assert list(chart.figure.axes[1].lines[1].get_xdata()) == []
    assert chart.alt == "left. level: bytes 3, 1, 2; ready in 2 of 3. edge: bytes 0, 4, 4."
    assert "iteration     (height: bytes;  ▼ ready)" in texts(chart)
    assert lane_colours(chart) == {PALETTES["light"]["value"]}
    assert lane_colours(steps({"asyncore": [1], "asyncio": [1]}, "two")) == {SERIES[1], SERIES[2]}


def lane_colours(chart: Chart) -> set[str]:
    return {axes.lines[0].get_color() for axes in chart.figure.axes}


def test_an_arrow_goes_from_each_box_to_the_one_it_points_to():
    chart = pointers({"who": ["a", "b"], "what": ["x", "y"]}, [("a", "y"), ("b", "x")], "t", crossed=["b"])
    (axes,) = chart.figure.axes
    chart.figure.canvas.draw()
    boxes = {
        text.get_text().strip(): text.get_window_extent() for text in axes.texts if text.get_text().strip()
    }
    arrows = [text.arrow_patch for text in axes.texts if getattr(text, "arrow_patch", None) is not None]
    for arrow, (start, end) in zip(arrows, [("a", "y"), ("b", "x")], strict=True):
        path = arrow.get_transform().transform_path(arrow.get_path()).vertices
        assert abs(path[0][1] - (boxes[start].y0 + boxes[start].y1) / 2) < 12
        assert boxes[start].x1 <= path[0][0] < boxes[end].x0
        assert any(abs(y - (boxes[end].y0 + boxes[end].y1) / 2) < 12 for _, y in path[1:])
    assert chart.alt == "t. a points to y; b points to x. Gone: b."


def test_curves_say_that_their_axes_are_logarithmic_and_stand_at_their_points():
    points = tuple(Point(n, 2.0 * n, 1.5 * n, 3.0 * n) for n in (10, 100, 1000))
    chart = curves(Sweep({"poll": points}, of="fds", title="one wait", reference={"poll": {10: 25.0}}))
    (axes,) = chart.figure.axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    said = " ".join(texts(chart))
    assert "fds, log scale" in said
    assert "log scale" in axes.yaxis.label.get_text()
    assert "poll  n^1.00" in said
    measured = next(line for line in axes.lines if list(line.get_xdata()) == [10, 100, 1000])
    assert list(measured.get_ydata()) == [20, 200, 2000]
    hollow = next(line for line in axes.lines if list(line.get_xdata()) == [10])
    assert list(hollow.get_ydata()) == [25]
    assert hollow.get_markerfacecolor() == "none"
    assert to_hex(measured.get_color()) == to_hex(hollow.get_color()) == series(["poll"])["poll"]


def test_a_selector_keeps_its_colour_from_chart_to_chart_and_no_two_share_one():
    assert series(["epoll", "select"])["select"] == series(["select", "poll", "mine"])["select"]
    for names in (["select", "poll", "epoll", "kqueue", "busy"], ["one", "select", "two", "three", "four"]):
        assert len(set(series(names).values())) == len(names)
    assert series([]) == {}


def test_labels_are_moved_apart_in_their_order_and_as_little_as_needed():
    assert apart([0.1, 0.9], 0.2) == [0.1, 0.9]
    moved = apart([0.5, 0.5, 0.51], 0.1)
    ordered = sorted(moved)
    assert all(b - a > 0.0999 for a, b in pairwise(ordered))
    assert math.isclose(sum(moved) / 3, 0.5033, abs_tol=0.01)


def test_a_look_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match="'screen', 'projector', 'dark'"):
        look_of("neon")
    assert look_of("dark").colours is PALETTES["dark"]
    pixels = np.asarray(bars({"a": 1}, "t", look="dark").figure.get_facecolor())
    assert to_hex(pixels) == PALETTES["dark"]["ground"]


def test_letters_that_dejavu_has_not_need_another_font_or_are_written_as_escapes():
    with warnings.catch_warnings():  # matplotlib warns of a letter that it draws as a box
        warnings.simplefilter("error")
        chart = bars({"客户 一": 3, "客户 二": 5}, "前后", unit="字节")
        chart.png()
        drawn = {each for text in texts(chart) for each in text}
        steps({"客户": [1, 2]}, "前").png()
        pointers({"\u25cf": ["客"]}, [], "前").png()
    assert {ord(each) for each in drawn} <= letters(fonts()) | {10}
    for text in filter(Text.get_text, chart.figure.findobj(Text)):
        assert tuple(text.get_fontfamily()) == fonts()
