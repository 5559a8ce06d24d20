"""Lesson 01, blocking and non-blocking: what its experiments observe, and the room that they stand in.

The notebook is run once, as it is stored, in a fresh kernel, and asked at the end what its cells saw. Counts,
errors and orders are asserted exactly. What belongs to a machine (times, capacities, filesystems) is bounded.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from labkit import kernel
from labkit.measure import Measured, Sampler, Strip, Table, end_of, measured, pair

from ..helpers import NOTEBOOKS, ROOT, RUNS_WITHIN, code_cells

LESSON = ROOT / "notebooks" / "01-blocking-and-nonblocking.ipynb"
ROWS = {f"S{number:02}" for number in range(1, 14)}

BEFORE = """
import threading as _threading
from labkit import kernel as _kernel
_fds, _threads = _kernel.open_fds(), set(_threading.enumerate())
"""
ASK = """
import json as _json
def _plain(value):
    if hasattr(value, "wall_ns"):
        got = len(value.outcome) if isinstance(value.outcome, bytes) else value.outcome
        return [got, value.wall_ns, value.cpu_ns, value.sleeps]
    return value.decode("latin-1") if isinstance(value, bytes) else sorted(value)
def _calls(lab, name):
    return [[c.arg, c.result, c.errno] for it in lab.tape for c in it.calls if c.name == name]
_fd, = answered.accounts
_seen = dict(
    queue=[waiting, taken, left], waited=waited,
    where={name: [str(w) for _, w in found] for name, found in threads.samples.items()}, slept_on=slept_on,
    plain=plain, insists=insists, blocking=blocking, partial=partial, full=full,
    duplicate=duplicate, afterwards=afterwards, surprise=surprise,
    timed=timed, flags_with_timeout=flags_with_timeout, once=once, flags_after_once=flags_after_once,
    file_reads=file_reads, called_ready=called_ready, refused=refused, without_disk=without_disk,
    drained=_calls(drain, "recv"), drained_adds_up=[drained.balance(fd) for fd in drained.accounts],
    to_the_end=to_the_end, datagram=[datagram, rest],
    sends=_calls(server, "send"), bob=bob.received,
    queues=answered.queues[_fd], adds_up=answered.balance(_fd), account=answered.accounts[_fd],
    limit=limit, fitted=fitted, too_many=too_many, exactly=exactly, complaints=complaints,
    refused_call=refused_call, answered_call=answered_call, rounds=rounds, heard=heard,
    half_close=half_close.outcomes, half_close_ends=[step.ends for step in half_close.steps],
    closed=closed.outcomes, closed_ends=[step.ends for step in closed.steps],
    child=[ended.returncode, ended.stdout],
    reset=reset.outcomes, reset_ends=[step.ends for step in reset.steps],
    module=socket.__name__,
)
print(_json.dumps(_seen, default=_plain))
"""
LEFT = """
import gc as _gc, json as _json, os
from labkit.lab.cells import close_all as _close_all
_close_all(); _gc.collect()
def _file(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:  # Jupyter has closed it since we looked
        return "[eventfd]"
_files = [_file(fd) for fd in _kernel.open_fds() - _fds]
# matplotlib keeps its fonts open, and Jupyter an eventfd for each thread that ever sent something
_files = [name for name in _files if not name.endswith((".ttf", "[eventfd]"))]
_others = [thread.name for thread in set(_threading.enumerate()) - _threads]
print(_json.dumps([_files, _others]))
"""


def execute(notebook: nbformat.NotebookNode, *, allow_errors: bool = False) -> None:
    client = NotebookClient(
        notebook,
        timeout=RUNS_WITHIN,
        allow_errors=allow_errors,
        resources={"metadata": {"path": str(LESSON.parent)}},
    )
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.fixture(scope="module")
def seen() -> Iterator[SimpleNamespace]:
    """What the lesson's cells observed; `left` is what they left behind once the labs were closed."""
    notebook = nbformat.read(LESSON, as_version=4)
    ask, left = new_code_cell(ASK), new_code_cell(LEFT)
    notebook.cells = [new_code_cell(BEFORE), *notebook.cells, ask, left]
    began = time.monotonic()
    execute(notebook)
    observed = json.loads(printed(ask), object_hook=lambda names: SimpleNamespace(**names))
    observed.left, observed.seconds = json.loads(printed(left)), time.monotonic() - began
    yield observed


lesson = [pytest.mark.notebook, pytest.mark.timeout(3 * RUNS_WITHIN)]


def the_lesson(test):
    for mark in lesson:
        test = mark(test)
    return test


# ---- coverage ------------------------------------------------------------------------------------------


def taught() -> set[str]:
    cells = (cell for path in NOTEBOOKS for cell in code_cells(nbformat.read(path, as_version=4)))
    return {row for cell in cells for row in cell.metadata.get("labkit", {}).get("teaches", [])}


def test_every_row_of_the_lesson_is_taught_by_an_experiment():
    assert taught() >= ROWS


def test_cells_are_short_and_every_experiment_has_a_prediction_before_it():
    cells = nbformat.read(LESSON, as_version=4).cells
    for before, cell in zip(cells, cells[1:], strict=False):
        if "labkit" in cell.metadata:
            assert len(cell.source.splitlines()) <= 15, cell.source
            assert "Predict" in before.source or "next cell" in before.source, before.source


# ---- what the experiments observe ----------------------------------------------------------------------


@the_lesson
def test_it_runs_in_time_and_leaves_nothing_behind(seen):
    assert seen.left == [[], []]
    assert seen.seconds < RUNS_WITHIN


@the_lesson
def test_bytes_wait_in_the_receive_queue(seen):
    assert seen.queue == [5, "hello", 0]


@the_lesson
def test_s01_a_blocking_recv_sleeps_and_uses_no_cpu(seen):
    got, wall, cpu, sleeps = seen.waited
    assert got == 5
    assert 0.25e9 < wall < 3e9
    assert cpu < wall / 20
    assert sleeps >= 1


@the_lesson
def test_s02_only_that_thread_sleeps_and_the_kernel_says_where(seen):
    sleeper, worker = seen.where.sleeper, seen.where.worker
    assert len(sleeper) >= 5
    assert sleeper.count(f"recvfrom on fd {seen.slept_on}") >= 0.8 * len(sleeper)
    assert worker.count("None") > max(sleeper.count("None"), 0.2 * len(worker))  # on a loaded machine too


@the_lesson
def test_s03_recv_returns_at_one_byte_and_waitall_fills(seen):
    assert seen.plain[0] == 10
    assert seen.insists[0] == 1000
    assert seen.insists[1] > 0.15e9 > seen.plain[1]


@the_lesson
def test_s03_a_blocking_send_takes_everything_and_a_non_blocking_one_what_fits(seen):
    assert seen.blocking[0] == 20_000_000
    assert seen.blocking[3] >= 1
    assert 0 < seen.partial[0] < 20_000_000
    assert seen.full[0] == "EAGAIN"


@the_lesson
def test_s04_the_flag_is_shared_by_dup_and_by_a_child(seen):
    assert seen.duplicate == [["O_NONBLOCK"], None]
    assert seen.afterwards == [[], 0.0]
    assert seen.surprise[0] == 5
    assert seen.surprise[1] > 0.15e9


@the_lesson
def test_s04_a_timeout_sets_the_flag_and_dontwait_is_for_one_call(seen):
    assert seen.timed[0] == "TimeoutError"
    assert seen.flags_with_timeout == ["O_NONBLOCK"]
    assert seen.once[0] == "EAGAIN"
    assert seen.flags_after_once == []


@the_lesson
def test_s05_a_file_is_always_ready_and_epoll_refuses_it(seen):
    assert seen.file_reads == ["0123", "456789", ""]
    assert seen.called_ready is True
    assert seen.refused == "EPERM"
    assert seen.without_disk in (4, "EAGAIN", "EOPNOTSUPP", "ENOTSUP")


@the_lesson
def test_s06_recv_returns_the_smaller_of_asked_and_there_then_eagain(seen):
    assert seen.drained == [[1024, 1024, 0], [1024, 1024, 0], [1024, 952, 0], [1024, None, 11]]
    assert seen.drained_adds_up == [True]
    assert seen.to_the_end == [1024, 1024, 952, 0]
    assert seen.datagram == [1024, "EAGAIN"]


@the_lesson
def test_s07_a_send_takes_what_fits_and_every_byte_is_somewhere(seen):
    first, *others = [result for _, result, errno in seen.sends if not errno]
    assert 0 < first < 50_000
    assert others
    assert first + sum(others) == seen.bob == 50_000
    recv_queue, _, write_buffer, send_queue = seen.queues
    peer_unread = seen.account[4]
    assert recv_queue == 0
    assert write_buffer + send_queue + peer_unread == 50_000
    assert seen.adds_up is True


@the_lesson
def test_s07_the_kernel_charges_memory_and_a_pipe_takes_all_or_nothing(seen):
    assert 0 < seen.fitted < seen.limit / 10
    assert seen.too_many[0] == "EAGAIN"
    assert seen.exactly[0] == 92


@the_lesson
def test_s08_sockets_have_no_read_and_the_module_is_hidden(seen):
    assert [complaint.split("  →  ")[0] for complaint in seen.complaints] == [
        "socket.read()",
        "socket.write(b'x')",
        "socket.socket()",
    ]
    assert seen.module == "socket"


@the_lesson
def test_s09_connect_is_in_progress_then_writable_then_tells_its_error_once(seen):
    assert seen.refused_call == ["EINPROGRESS", True, True, "ECONNREFUSED", 0]
    assert seen.answered_call == ["EINPROGRESS", False, True, 0, 0]


@the_lesson
def test_s10_an_ignored_end_of_file_spins(seen):
    assert seen.rounds > 100
    assert seen.heard == ""


@the_lesson
def test_s11_a_half_closed_end_still_receives(seen):
    assert seen.half_close == [None, "", 10, "still here", "EPIPE"]
    here = [ends.here[0] for ends in seen.half_close_ends]
    there = [ends.there[0] for ends in seen.half_close_ends]
    assert here == ["ESTABLISHED", *["CLOSE_WAIT"] * 5]
    assert there[0] == "ESTABLISHED"
    assert set(there[1:]) <= {"FIN_WAIT1", "FIN_WAIT2"}
    assert seen.half_close_ends[3].there[3] == 10  # bytes that wait


@the_lesson
def test_s12_the_first_send_after_a_close_succeeds_and_the_second_breaks(seen):
    assert seen.closed == [None, 3, "EPIPE"]
    assert [ends.here[0] for ends in seen.closed_ends] == ["ESTABLISHED", "CLOSE_WAIT", "CLOSE", "CLOSE"]
    assert [ends.there[0] for ends in seen.closed_ends] == ["ESTABLISHED", None, None, None]
    assert seen.child == [-13, ""]


@the_lesson
def test_s13_queued_bytes_outlive_a_reset_and_its_error_is_told_once(seen):
    assert seen.reset == [6, None, "queued", "ECONNRESET", ""]
    assert seen.reset_ends[2].here == ["CLOSE", True, True, 6]  # dead, readable, writable, 6 bytes


@the_lesson
def test_cells_may_run_backwards_and_twice():
    notebook = nbformat.read(LESSON, as_version=4)
    imports, *cells = code_cells(notebook)
    again = [new_code_cell(cell.source) for cell in [*reversed(cells), *cells]]
    left = new_code_cell(LEFT)
    notebook.cells = [new_code_cell(BEFORE), imports, *again, left]
    began = time.monotonic()
    execute(notebook, allow_errors=True)
    errors = [output.ename for cell in again for output in cell.outputs if output.output_type == "error"]
    assert set(errors) <= {"NameError"}  # a cell that needs the one before it
    assert json.loads(printed(left)) == [[], []]
    assert time.monotonic() - began < 2 * RUNS_WITHIN


# ---- the experiments room ------------------------------------------------------------------------------


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


def test_a_watcher_tells_a_thread_that_sleeps_from_one_that_runs(nothing_left_open):
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


def test_a_watcher_says_in_words_and_in_html_where_a_thread_was_for_how_long():
    thread = threading.Thread(name="<sleeper>")
    seen = Sampler(thread)
    asleep = kernel.Blocked("recvfrom", 7, (7,))
    seen.samples["<sleeper>"] = [(1_000_000, asleep), (3_000_000, asleep), (4_000_000, None)]
    assert seen.stretches() == {
        "<sleeper>": [("sleeps in recvfrom on fd 7", 0, 2_000_000), ("runs", 2_000_000, 3_000_000)]
    }
    assert repr(seen) == "<sleeper> sleeps in recvfrom on fd 7, for 2 ms of 3 ms"
    assert "&lt;sleeper&gt;" in seen._repr_html_()


def test_a_watcher_may_watch_threads_that_never_start(nothing_left_open):
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
