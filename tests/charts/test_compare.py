"""Several tapes on one time axis: what the chart counts, says and draws."""

from __future__ import annotations

import errno

import pytest

from labkit import Channel, Lab, Tape
from labkit.charts.compare import SLICES, compare, course, length, round_step


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(1024))


def recorded(selector: str) -> Tape:
    with Lab(Echo, selector=selector) as lab:
        alice = lab.connect("alice")
        lab.step()
        lab.run(seconds=0.05)
        alice.send(b"hello")
        lab.step()
        return lab.tape


def test_compare_counts_what_the_tapes_hold():
    tapes = {name: recorded(name) for name in ("busy", "select")}
    span = max(map(length, tapes.values()))
    for tape in tapes.values():
        each = course(tape, span)
        calls = [call for it in tape for call in it.calls]
        assert each.totals.waits == len(tape)
        assert each.totals.calls == len(calls)
        assert each.totals.wasted == sum(call.errno == errno.EAGAIN for call in calls)
        assert each.totals.asleep_ns == sum(it.asleep_ns for it in tape)
        assert each.useful.sum() + each.wasted.sum() == len(calls)
        assert len(each.asleep) == len(each.awake) == SLICES
        assert each.asleep.sum() * span / SLICES == pytest.approx(each.totals.asleep_ns, rel=0.02)
        assert ((each.asleep + each.awake) < 1.01).all()


def test_compare_says_in_words_what_it_draws():
    chart = compare({"busy": recorded("busy"), "select": recorded("select")}, "two servers")
    assert chart.alt.startswith("two servers")
    assert "EAGAIN" in chart.alt and "no EAGAIN" in chart.alt
    assert chart.png().startswith(b"\x89PNG")


@pytest.mark.parametrize("look", ["screen", "projector"])
def test_compare_draws_nothing_outside_the_picture(look):
    chart = compare({"a loop with a long name": recorded("select"), "empty": Tape()}, look=look)
    chart.figure.canvas.draw()
    (axes,) = chart.figure.axes
    boxes = [
        text.get_window_extent()
        for text in (*axes.texts, *axes.get_legend().get_texts(), *axes.get_xticklabels())
    ]
    page = chart.figure.bbox
    for box in boxes:
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1


@pytest.mark.parametrize(
    ("least", "step"), [(1, 1), (3, 5), (60_000_000, 100_000_000), (500, 500), (501, 1000)]
)
def test_ticks_stand_at_round_times(least, step):
    assert round_step(least) == step
