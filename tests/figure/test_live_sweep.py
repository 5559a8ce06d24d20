"""A sweep that is drawn while it is measured: it ends, is cancelled, and leaves nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from labkit import LiveSweep
from labkit.measure.sweeping import Calls

from ..helpers import interrupted


def slowly(n: int) -> Iterator[Calls]:
    yield {"slow": lambda: time.sleep(0.02) or n}


def test_a_live_sweep_measures_while_the_cell_is_over_and_returns_the_sweep():
    live = LiveSweep(slowly, range(1, 6), unit="calls", repeats=1)
    assert live.running
    assert live.result()["slow"] == {n: n for n in range(1, 6)}
    assert not live.running
    assert "slow: 1 calls at 1 n" in live._final()["text/plain"]


def test_a_live_sweep_can_be_cancelled_while_it_measures():
    live = LiveSweep(slowly, range(1, 1000), unit="calls", within=60)
    time.sleep(0.15)
    began = time.monotonic()
    live.cancel()
    made = live.result()
    assert time.monotonic() - began < 5
    assert made.ended == "it was cancelled"
    assert 0 < len(made.sizes) < 999


def test_an_interrupt_while_a_cell_waits_cancels_and_keeps_what_is_measured():
    live = LiveSweep(slowly, range(1, 1000), unit="calls", within=60)
    with interrupted():
        made = live.result()
    assert made.ended == "it was cancelled"
    assert made.sizes


@pytest.mark.slow
def test_a_second_live_sweep_cancels_the_first():
    first = LiveSweep(slowly, range(1, 1000), unit="calls", within=60)
    second = LiveSweep(slowly, [1], unit="calls")
    assert not first.running
    assert second.result().sizes == [1]


def test_what_a_measurement_raises_is_raised_by_result():
    def broken(n: int) -> Iterator[Calls]:
        yield {"broken": lambda: 1 // 0}

    with pytest.raises(ZeroDivisionError):
        LiveSweep(broken, [1]).result()


def test_nothing_is_left_behind():
    LiveSweep(slowly, [1, 2], unit="calls").result()
    assert not [each for each in threading.enumerate() if each.name == "labkit sweep"]
