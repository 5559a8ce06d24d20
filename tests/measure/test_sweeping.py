"""Sweeps: what is measured, how it ends, what the table and the chart say of it."""

from __future__ import annotations

import errno
import io
import math
import threading
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from labkit import sweep
from labkit.charts.charts import bars, pointers, steps
from labkit.charts.curves import curves
from labkit.measure.costs import Point, Sweep
from labkit.measure.reference import ONE_READY
from labkit.measure.sweeping import ATTEMPTS, Calls, fd_room, sizes

SIZES = [10, 100, 1000]


def powers(n: int) -> Iterator[Calls]:
    yield {"flat": lambda: 7, "linear": lambda: 3 * n, "square": lambda: n**2}


def test_an_exponent_is_the_slope_on_log_log_axes():
    made = sweep(powers, SIZES, unit="calls")
    assert made["linear"] == {10: 30, 100: 300, 1000: 3000}
    assert [round(made.exponent(name), 6) for name in made.curves] == [0, 1, 2]
    assert made.grows("square") == "grows as n^2.00"
    assert made.grows("flat") == "does not grow"


def test_an_exponent_can_be_fitted_to_a_part_of_the_sizes():
    bent = sweep(lambda n: iter([{"bent": lambda: n if n < 100 else n**2 / 100}]), [1, 10, 100, 1000, 10_000],
                 unit="steps")  # fmt: skip
    assert bent.exponent("bent", until=100) == pytest.approx(1)
    assert bent.exponent("bent", since=100) == pytest.approx(2)


def test_one_size_has_no_exponent():
    assert math.isnan(sweep(powers, [10], unit="calls").exponent("linear"))


def test_a_point_is_the_median_of_its_repeats():
    answers = iter([5, 1, 9, 2, 3])
    made = sweep(lambda n: iter([{"call": lambda: next(answers)}]), [1], unit="calls", repeats=5)
    assert made.curves["call"] == (Point(1, 3, 1, 9),)


def test_quick_calls_are_timed_in_batches_after_a_warm_up():
    made: list[int] = []
    measured = sweep(lambda n: iter([{"append": lambda: made.append(n)}]), [4], repeats=3)
    assert len(made) > 100
    assert 0 < measured["append"][4] < 1_000_000  # ns


def test_a_batch_in_which_the_thread_lost_the_cpu_is_timed_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("labkit.measure.sweeping.RETRIED_NS", 10**11)  # however long a nap becomes
    made: list[int] = []
    asleep = sweep(lambda n: iter([{"sleep": lambda: made.append(n) or time.sleep(0.002)}]), [1], repeats=1)
    assert asleep["sleep"][1] >= 2_000_000
    assert len(made) == 1 + 1 + ATTEMPTS  # to warm up, to size the batch, and the attempts


def test_the_setup_is_cleaned_up_after_every_size_and_after_an_error():
    done = []

    def tidy(n: int) -> Iterator[Calls]:
        try:
            yield {"call": lambda: 1 / (n - 3)}
        finally:
            done.append(n)

    with pytest.raises(ZeroDivisionError):
        sweep(tidy, [1, 2, 3, 4])
    assert done == [1, 2, 3]


def test_progress_is_told_after_every_size():
    seen = []
    sweep(powers, SIZES, unit="calls", progress=lambda part, so_far: seen.append((part, so_far.sizes)))
    assert [sizes for _, sizes in seen] == [[10], [10, 100], [10, 100, 1000]]
    assert seen[-1][0] == 1


def test_a_deadline_keeps_what_was_measured_and_says_so():
    slow = lambda n: iter([{"slow": lambda: time.sleep(0.05) or 1}])  # noqa: E731
    made = sweep(slow, range(1, 100), unit="calls", within=0.2)
    assert 0 < len(made.sizes) < 20
    assert "deadline of 0.2 s" in made.ended
    with pytest.raises(LookupError, match=r"99: not measured; the deadline of 0\.2 s .* within="):
        made["slow"][99]
    with pytest.raises(LookupError, match="1: not measured"):
        made["not begun"][1]


def test_a_stop_keeps_what_was_measured_and_says_so():
    stop = threading.Event()
    made = sweep(powers, SIZES, unit="calls", stop=stop, progress=lambda *_: stop.set())
    assert made.sizes == [10]
    assert made.ended == "it was cancelled"


def test_a_size_that_does_not_come_up_in_time_ends_a_sweep_and_is_named():
    def setup(n):
        if n == 1000:
            raise TimeoutError("4,426 of 5,000 arrived within 30 s")
        yield {"one": lambda: None}

    made = sweep(setup, [10, 100, 1000], of="peers")
    assert sorted(made["one"]) == [10, 100]
    assert made.ended == "at 1,000 peers: 4,426 of 5,000 arrived within 30 s"


def test_the_fd_limit_ends_a_sweep_and_is_named():
    def too_many(n: int) -> Iterator[Calls]:
        if n > 100:
            raise OSError(errno.EMFILE, "Too many open files")
        yield {"call": lambda: n}

    made = sweep(too_many, SIZES, unit="calls", of="fds")
    assert made.sizes == [10, 100]
    assert "1,000 fds do not fit" in made.ended
    assert "ulimit -n" in made.ended


def test_other_errors_are_raised():
    def refused(n: int) -> Iterator[Calls]:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
        yield {}

    with pytest.raises(ConnectionRefusedError):
        sweep(refused, SIZES)


def test_sizes_are_even_steps_on_a_log_scale_with_both_ends():
    assert sizes(10, 1000) == [10, 30, 100, 300, 1000]
    assert sizes(10, 19_895) == [10, 30, 100, 300, 1000, 3000, 10_000, 19_895]
    assert sizes(1, 1) == [1]
    with pytest.raises(ValueError, match="first ≤ last"):
        sizes(10, 1)


def test_fd_room_leaves_some_for_others():
    from labkit import kernel

    assert 0 <= fd_room() < kernel.fd_limit()[0] - len(kernel.open_fds())
    assert fd_room(2) == fd_room() // 2


def test_the_table_has_units_exponents_and_the_reference_beside():
    made = Sweep({"epoll": (Point(10, 700, 600, 800), Point(100, 710, 600, 800))}, of="fds", title="A wait",
                 reference=ONE_READY)  # fmt: skip
    text = str(made)
    assert "A wait" in text
    assert "700 ns" in text
    assert "epoll (reference)" in text
    assert "grows as" in text
    html = made._repr_html_()
    assert html.count("<th ") == 3  # fds, epoll, epoll (reference)
    assert "<caption>A wait</caption>" in html


@pytest.mark.unhurried
def test_the_alt_text_comes_from_the_data():
    made = sweep(powers, SIZES, unit="calls", of="fds", title="Powers")
    chart = curves(made)
    assert chart.alt == made.summary()
    assert "square: 100 calls at 10 fds, 1,000,000 calls at 1,000; grows as n^2.00." in chart.alt
    assert f'alt="{chart.alt}"' in chart.img()


@pytest.mark.slow
@pytest.mark.parametrize("look", ["screen", "projector"])
def test_curves_can_be_drawn_however_little_is_measured(look):
    empty = Sweep({})
    one = sweep(powers, [10], unit="calls")
    for made in (empty, one, sweep(powers, SIZES, unit="calls")):
        picture = Image.open(io.BytesIO(curves(made, sizes=SIZES, look=look).png())).convert("RGB")
        assert len(picture.getcolors(1 << 20)) > 5


def test_charts_say_what_they_show():
    assert "edge 1 connections 49 wait" in bars({"edge": 1}, "Accepted", unit="connections",
                                                notes={"edge": "49 wait"}).alt  # fmt: skip
    chart = steps({"level": [3, 2, 0]}, "Queued", marks={"level": [0, 1]})
    assert chart.alt == "Queued. level: bytes 3, 2, 0; reported ready in 2 of 3."
    chart = pointers({"fds": ["fd 5"], "files": ["socket"]}, [("fd 5", "socket")], "dup", crossed=["fd 5"])
    assert chart.alt == "dup. fd 5 points to socket. Gone: fd 5."
    assert chart.png().startswith(b"\x89PNG")
