"""Every bar of the times against the tape and against the axis that is drawn beside it."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest

from labkit.figure.panels.time import percent

from .reading import drawn, middle, of
from .written import Written, many, turn


def test_each_bar_says_a_number_of_the_tape_and_is_as_long_as_the_axis_says():
    tape = many(3, 40)
    marks = drawn(tape, 30, "time")
    ticks: dict[str, dict[int, float]] = defaultdict(dict)
    for rule in of(marks, "rule"):
        ticks[rule.state][int(rule.value)] = rule.box[1]
    assert ticks.keys() == {"asleep", "awake"}
    bars = of(marks, "bar")
    true = {
        (index, state): ns
        for index in {bar.iteration for bar in bars}
        for state, ns in zip(
            ("asleep", "awake", "cpu"),
            (tape.iteration(index).asleep_ns, tape.iteration(index).awake_ns, tape.iteration(index).cpu_ns),
            strict=True,
        )
    }
    assert {(bar.iteration, bar.state): bar.value for bar in bars} == true
    assert len(true) == len(bars) >= 24
    for bar in bars:
        axis = ticks["asleep" if bar.state == "asleep" else "awake"]
        decade = (axis[1_000] - axis[1_000_000]) / 3  # the axis is logarithmic
        assert axis[1_000_000] - axis[1_000_000_000] == pytest.approx(3 * decade)
        assert bar.box[1] + bar.box[3] == pytest.approx(axis[1_000]), "a bar stands on the foot of its lane"
        assert bar.box[3] == pytest.approx(decade * math.log10(bar.value / 1_000))
    words = {mark.text for mark in marks}
    assert "(log)" in words
    for label in of(marks, "label"):
        nearest = min(of(marks, "rule"), key=lambda rule: abs(rule.box[1] - middle(label)[1]))
        assert nearest.box[1] == pytest.approx(middle(label)[1])
        assert label.text == {1_000: "1 µs", 1_000_000: "1 ms", 1_000_000_000: "1 s"}[nearest.value]
        assert label.value == nearest.value


def test_a_name_stands_at_its_lane():
    marks = drawn(many(3, 20), 10, "time")
    for name in ("asleep", "awake"):
        (word,) = [mark for mark in of(marks, "text", "bold") if mark.text == name]
        lane = [rule.box[1] for rule in of(marks, "rule", name)]
        assert min(lane) - 30 <= middle(word)[1] <= max(lane)


def test_a_time_that_is_off_the_axis_ends_where_the_axis_ends():
    tape = Written([turn(0, asleep_ns=10**12, awake_ns=500, cpu_ns=0)])
    bars = {bar.state: bar for bar in of(drawn(tape, 0, "time"), "bar")}
    assert bars["awake"].box[3] == bars["cpu"].box[3] == 0
    top = drawn(Written([turn(0, asleep_ns=10**10)]), 0, "time")
    assert bars["asleep"].box[3] == next(b.box[3] for b in of(top, "bar", "asleep"))


def test_the_shares_are_those_of_the_iterations_that_are_shown():
    its = [turn(i, asleep_ns=30_000, awake_ns=10_000, cpu_ns=8_000) for i in range(4)]
    marks = drawn(Written(its), 3, "time")
    asleep, awake = of(marks, "share")
    assert (asleep.state, awake.state) == ("asleep", "awake")
    assert (asleep.value, awake.value) == (120_000, 40_000)
    assert asleep.box[2] == pytest.approx(3 * awake.box[2])
    assert asleep.box[0] + asleep.box[2] == pytest.approx(awake.box[0])
    assert asleep.box[2] + awake.box[2] == pytest.approx(1000)
    assert [mark.text for mark in of(marks, "legend")] == ["asleep 75 %", "awake 25 %", "CPU 20 %"]
    swatches = [mark.state for mark in of(marks, "swatch")]
    assert swatches == ["bar asleep", "bar awake", "bar cpu"]


@pytest.mark.parametrize("part, whole, said", [
    (0, 0, "–"), (0, 10, "0 %"), (10, 10, "100 %"), (1, 2_000, "< 0.1 %"), (1_999, 2_000, "> 99.9 %"),
    (1, 1_000, "0.1 %"), (999, 1_000, "99.9 %"), (99, 1_000, "9.9 %"), (1, 10, "10 %"), (99, 100, "99.0 %"),
    (989, 1_000, "99 %"),
])  # fmt: skip
def test_a_share_is_never_nothing_or_all_unless_it_is(part: int, whole: int, said: str):
    assert percent(part, whole) == said


@pytest.mark.parametrize("width", [640, 1000, 1920])
@pytest.mark.parametrize("first", [12_992, 1_234_560])
def test_a_long_number_is_not_written_over_what_names_the_rows(first: int, width: int):
    tape = Written([turn(first + n) for n in range(200)], dropped=first)
    marks = drawn(tape, first + 150, "time", width=width)
    numbers, labels = of(marks, "number"), of(marks, "label")
    assert len(numbers) > 1 and labels
    for number in numbers:
        assert all(label.box[0] + label.box[2] <= number.box[0] for label in labels), number


def test_the_key_is_whole_in_a_narrow_panel_whatever_the_shares_are():
    tape = Written([turn(i, asleep_ns=50, awake_ns=10**8, cpu_ns=60) for i in range(3)])
    marks = drawn(tape, 2, "time", width=340)  # as wide as it is at 1,280 pixels, beside the fd sets
    keys, swatches = of(marks, "legend"), of(marks, "swatch")
    assert [mark.text for mark in keys] == ["asleep < 0.1 %", "awake > 99.9 %", "CPU < 0.1 %"]
    assert keys[-1].box[0] + keys[-1].box[2] <= 341
    for key, swatch in zip(keys, swatches[1:], strict=False):
        assert key.box[0] + key.box[2] <= swatch.box[0] + 1
