"""A sweep that is drawn while it is measured: it ends, is cancelled, shows any name, and leaves nothing."""

from __future__ import annotations

import contextlib
import io
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import labkit.lab.cells as cells
from labkit import LiveSweep
from labkit.measure.sweeping import Calls
from labkit.tape.text import printable

from ..helpers import EVIL, interrupted, widgets


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
    while not live.sweep.sizes:  # the test's own timeout ends it otherwise
        time.sleep(0.01)
    live.cancel()
    made = live.result()
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


def broken(n: int) -> Iterator[Calls]:
    yield {"broken": lambda: 1 // 0}


def test_what_a_measurement_raises_is_raised_by_result():
    with pytest.raises(ZeroDivisionError):
        LiveSweep(broken, [1]).result()


@pytest.mark.parametrize("setup", [slowly, broken])
@pytest.mark.parametrize("end", [LiveSweep.close, LiveSweep.result, lambda live: cells.close_all(LiveSweep)])
def test_nothing_is_left_behind(setup: Callable[[int], Iterator[Calls]], end: Callable[[LiveSweep], object]):
    before = widgets()
    live = LiveSweep(setup, [1, 2], unit="calls")
    with contextlib.redirect_stdout(io.StringIO()):
        live._ipython_display_()
    with contextlib.suppress(ZeroDivisionError):
        end(live)
    assert widgets() <= before and not live.running and not live._thread.is_alive()


def test_a_live_sweep_that_cannot_begin_leaves_nothing_either():
    before = widgets()
    with pytest.raises(ValueError, match="there are 'screen'"):
        LiveSweep(slowly, [1], theme="no such theme")
    assert widgets() <= before


def test_a_live_sweep_shows_any_name_and_runs_none():
    name = EVIL

    def called(n: int) -> Iterator[Calls]:
        yield {name: lambda: n}

    def failed(n: int) -> Iterator[Calls]:
        raise ValueError(name)
        yield {}

    options: dict[str, Any] = {"title": name, "of": name, "unit": name, "reference": {name: {1: 2.0}}}
    live, failing = LiveSweep(called, [1, 2], **options), LiveSweep(failed, [1], **options)
    made = live.result()
    assert made[name] == {1: 1, 2: 2}  # the name itself is kept
    with pytest.raises(ValueError):
        failing.result()
    for shown in (
        live._final(),
        failing._final(),
        {"text/html": made._repr_html_(), "text/plain": str(made)},
    ):
        assert printable(name) in shown["text/plain"]
        assert not re.search("<!--|</?script", shown["text/html"])
        assert all(line.isprintable() for text in shown.values() for line in text.split("\n"))
