"""The table of speeds: a number that does not come out again is not stated, nor one of unequal work."""

import os
from functools import partial

import pytest

from benchmarks import servers
from benchmarks.rows import compared, measured, valued
from benchmarks.table import short, whole


def test_a_ratio_is_the_median_of_three_whole_repetitions():
    pairs = iter([(11, 10), (12, 10), (11.5, 10)])
    (row,) = measured([compared("a row", lambda: next(pairs), 1.2)])
    assert (row.ratio, row.met, row.ours, row.why) == (1.15, True, "12 ns", "")


def test_what_does_not_repeat_is_not_stated():
    pairs = iter([(10, 10), (10, 10), (12, 10)])
    (row,) = measured([compared("a row", lambda: next(pairs), 1.5)])
    assert (row.ratio, row.met) == (None, None) and row.why == "does not repeat: 1.00, 1.00, 1.20"


def test_all_rows_are_measured_before_any_is_again():
    order = []
    measured([valued(name, lambda name=name: order.append(name) or 1.0) for name in "ab"])
    assert order == ["a", "b"] * 3


def test_what_cannot_be_measured_says_why():
    def once():
        raise RuntimeError("a long story\nno such thing")

    (row,) = measured([valued("a row", once, 5)])
    table = {"machine": "a machine", "rows": [row.json()]}
    assert (row.ratio, row.met, row.why) == (None, None, "not measured: no such thing")
    assert "| a row | not measured: no such thing | ≤ 5 | – |" in short(table)
    assert "not measured: no such thing" in whole(table)


class Slow(servers.OurLoop):
    """Every second turn does nothing."""

    turns = 0

    def turn(self):
        self.turns += 1
        if self.turns % 2:
            super().turn()


def test_a_server_that_needs_two_turns_for_a_burst_is_not_measured():
    with servers.Bench(servers.OurLoop, 3) as bench:
        assert bench.cpu(20) > 0
        bench.server.__class__ = Slow
        with pytest.raises(servers.UnequalWork, match="Slow took .* turns for 20 bursts"):
            bench.cpu(20)


@pytest.mark.skipif(not hasattr(os, "uname") or os.uname().sysname != "Linux", reason="glibc's malloc")
def test_asyncio_costs_the_same_whatever_else_lies_in_the_heap():
    """Its 256 KiB for each recv are not given back to the kernel: no page fault a round trip."""
    code = """
import resource
from benchmarks.servers import Asyncio, AsyncioDebug, Bench
with Bench(Asyncio, 10) as one, Bench(AsyncioDebug, 10):
    one.cpu(20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    one.cpu(100)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    assert int(servers.own_process(["-c", code])) < 500  # of 1,000 round trips; it would be 2,000


@pytest.mark.slow
def test_servers_are_measured_in_a_process_of_their_own():
    ours, theirs = partial(servers.apart, servers.OurLoop, servers.BareEpoll, 3)()
    assert ours > 0 < theirs
