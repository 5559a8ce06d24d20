"""Small experiments: pairs of sockets, one call measured, threads watched, states noted, alarms."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from labkit import kernel
from labkit.measure import Facts, Measured, Sampler, Strip, Table, alarm, end_of, measured, pair
from labkit.tape.text import printable

from ..helpers import EVIL


@pytest.fixture
def nothing_left_open() -> Iterator[None]:
    fds, threads = kernel.open_fds(), set(threading.enumerate())
    yield
    assert kernel.open_fds() == fds
    assert set(threading.enumerate()) == threads


@pytest.mark.parametrize("family", ["tcp", "unix", "udp"])
def test_a_pair_is_connected_blocking_and_closed_at_the_end(family, nothing_left_open):
    with pair(family=family) as (here, there):
        assert not kernel.flags(here.fileno()) and here.gettimeout() is None
        assert (there.send(b"hello"), here.recv(10)) == (5, b"hello")
    assert here.fileno() == there.fileno() == -1


def test_a_pair_has_small_buffers_at_both_ends(nothing_left_open):
    with pair() as large, pair(4096) as small:
        for big, little in zip(large, small, strict=True):
            assert max(kernel.capacity(little)) < min(kernel.capacity(big))


def test_a_call_on_a_pair_blocks_no_longer_than_its_patience(nothing_left_open):
    with pair(patience=0.1) as (here, _):
        measure = measured(here.recv, 10)
        assert measure.outcome == "EAGAIN"
        assert 0.05e9 < measure.wall_ns < 2e9
        assert not kernel.flags(here.fileno())


def test_a_thread_that_sleeps_in_a_pair_wakes_when_the_pair_is_closed(nothing_left_open):
    got: list[Measured] = []
    with pair() as (here, _):
        sleeper = threading.Thread(target=lambda: got.append(measured(here.recv, 10)))
        sleeper.start()
        deadline = time.monotonic() + 5
        while kernel.blocked_in(sleeper) is None and time.monotonic() < deadline:
            time.sleep(0.001)
    sleeper.join(5)
    assert not sleeper.is_alive()
    assert got[0].wall_ns < 4e9


def test_a_pair_that_fails_leaves_nothing_open(nothing_left_open):
    with pytest.raises(ZeroDivisionError), pair():
        raise ZeroDivisionError
    with pytest.raises(KeyError), pair(family="carrier pigeon"):  # type: ignore[arg-type]
        pass


def test_measured_keeps_the_error_and_lets_other_mistakes_through():
    assert measured(os.close, -1).outcome == "EBADF"
    assert measured(int, "7").outcome == 7
    with pytest.raises(ValueError):
        measured(int, "seven")


def test_measured_tells_sleeping_from_working():
    asleep = measured(time.sleep, 0.1)
    awake = measured(sum, range(3_000_000))
    assert asleep.cpu_ns < asleep.wall_ns / 5
    assert awake.cpu_ns > asleep.cpu_ns
    assert asleep.sleeps is None or asleep.sleeps >= 1
    assert "on the clock" in repr(asleep)


def test_a_table_says_the_same_in_words_and_in_html():
    table = Table({"recv(10)": Measured(b"<hello>", None, 300_000_000, 30_000, 1)})
    for said in ("recv(10)", "300 ms", "30 µs"):
        assert said in repr(table)
        assert said in table._repr_html_()
    assert "&lt;hello&gt;" in table._repr_html_()


def test_a_sampler_tells_a_thread_that_sleeps_from_one_that_runs(nothing_left_open):
    def work() -> None:
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            sum(range(1000))

    with pair() as (here, there):
        sleeper = threading.Thread(target=here.recv, args=[1], name="sleeper")
        worker = threading.Thread(target=work, name="worker")
        with Sampler(sleeper, worker) as seen:
            sleeper.start(), worker.start(), worker.join(), there.send(b"x"), sleeper.join()
        said = {str(where) for _, where in seen.samples["sleeper"]}
        assert f"recvfrom on fd {here.fileno()}" in said
    running = [where is None for _, where in seen.samples["worker"]]
    assert sum(running) > len(running) / 5  # on a loaded machine too
    times = [at for at, _ in seen.samples["sleeper"]]
    assert times == sorted(times)


def test_facts_show_neither_a_list_nor_a_set_as_python_writes_it():
    told = str(Facts({"flags": frozenset({"O_NONBLOCK"}), "no flags": frozenset(), "sent": [1, 2]}))
    assert [line.split("  ")[-1].strip() for line in told.splitlines()] == ["O_NONBLOCK", "none", "1, 2"]


def test_a_sampler_says_in_words_and_in_html_where_a_thread_was_for_how_long():
    thread = threading.Thread(name="<sleeper>")
    seen = Sampler(thread)
    asleep = kernel.Blocked("recvfrom", 7, (7,))
    seen.samples["<sleeper>"] = [(1_000_000, asleep), (3_000_000, asleep), (4_000_000, None)]
    assert seen.stretches() == {
        "<sleeper>": [("sleeps in recvfrom on fd 7", 0, 2_000_000), ("runs", 2_000_000, 3_000_000)]
    }
    assert repr(seen) == "<sleeper> sleeps in recvfrom on fd 7, for 2 ms of 3 ms"
    assert "&lt;sleeper&gt;" in seen._repr_html_()


def test_a_sampler_may_watch_threads_that_never_start(nothing_left_open):
    with Sampler(threading.Thread(name="never")) as seen:
        time.sleep(0.02)
    assert seen.samples == {"never": []}


def test_a_strip_notes_calls_outcomes_and_the_state_of_both_ends(nothing_left_open):
    with pair() as (here, there):
        strip = Strip(here=here, there=there)
        assert strip.there.send(b"<x>") == 3
        assert strip.here.recv(10) == b"<x>"
        assert strip.here.shutdown(socket.SHUT_WR) is None
        assert strip.here.send(b"y") == "EPIPE"
    assert [step.call for step in strip.steps] == [
        "",
        "there.send(b'<x>')",
        "here.recv(10)",
        "here.shutdown(SHUT_WR)",
        "here.send(b'y')",
    ]
    assert strip.outcomes == [3, b"<x>", None, "EPIPE"]
    assert strip.steps[1].ends["here"] == ("ESTABLISHED", True, True, 3)
    assert strip.steps[3].ends["there"].state == "CLOSE_WAIT"
    assert "&lt;x&gt;" in strip._repr_html_()
    assert "gets no more (CLOSE_WAIT), readable, writable" in repr(strip)
    with pytest.raises(AttributeError, match="no end 'nowhere'"):
        strip.nowhere.send(b"")


def test_a_strip_shows_any_name_and_runs_none(nothing_left_open):
    with pair() as (here, there):
        strip = Strip(**{EVIL: here, "there": there})
        getattr(strip, EVIL).send(b"<!--<script>\x1b")
        assert strip.there.recv(100) == b"<!--<script>\x1b"
        html, text = strip._repr_html_(), repr(strip)
    assert not re.search("<!--|</?script", html) and html.isprintable()
    assert printable(EVIL) in text and all(line.isprintable() for line in text.split("\n"))


def test_looking_at_an_end_agrees_with_select_and_takes_no_error(nothing_left_open):
    with pair() as (here, there):
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        there.close()
        end = end_of(here)
        assert ([end.readable], [end.writable]) == tuple(
            [bool(fds)] for fds in select.select([here], [here], [], 0)[:2]
        )
        assert measured(here.recv, 10).outcome == "ECONNRESET"
        assert end_of(there).state is None


def test_an_alarm_is_gone_however_the_block_ends():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyError), alarm(60, lambda *_: None):
        raise KeyError
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_an_alarm_interrupts_a_sleep():
    def enough(*_: object) -> None:
        raise TimeoutError

    with alarm(0.05, enough):
        slept = measured(time.sleep, 5)
    assert slept.outcome == "TimeoutError"
    assert slept.wall_ns < 4e9
