"""A turn, as whoever owns a wait tells it to a recorder: what is asked, what was told, and how it ended."""

from __future__ import annotations

import errno
import fractions
import itertools
import logging
import selectors
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from labkit import Event, Tape
from labkit.record.recorder import SHORT, Recorder
from labkit.tape.turn import Capacity, Poke, Queues

from .by_hand import READ, WRITE, last, turn


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        (0.5, 0.5),
        (3, 3),
        (True, 1),
        (fractions.Fraction(1, 2), 0.5),
        (float("nan"), None),
        ("x", None),
    ],
)
def test_a_timeout_reaches_the_wait_as_it_is_and_the_tape_as_a_number(given: Any, kept: Any):
    recorder, seen = Recorder(), []
    assert recorder.wait(lambda timeout: seen.append(timeout) or [], given) == []
    assert seen == [given] and seen[0] is given
    assert last(recorder).timeout == kept and type(last(recorder).timeout) is type(kept)


def test_a_turn_is_written_when_the_next_one_begins_and_holds_what_was_between(caplog: Any):
    recorder = Recorder()
    recorder.asks(7, READ | WRITE)
    recorder.asks(8, Event.READ)
    recorder.asks(9, 8 | WRITE)  # a bit that no tape knows
    recorder.asks(6, "no number")  # type: ignore[arg-type]
    assert turn(recorder, 7, READ) is None and recorder.made == 0
    recorder.note((7, "recv", 10, 5, 0, 10**18))
    recorder.note((7, "send", 5, None, 11, 10**18))
    assert recorder.made == 2
    recorder.asks(8, 0)
    recorder.error(7, "KeyError: 'x'")
    it = turn(recorder, 8, WRITE, 9, READ | WRITE)
    assert (it.interest, it.ready) == ({7: READ | WRITE, 8: READ, 9: WRITE}, {7: READ})
    assert [call[:5] for call in it.calls] == [(7, "recv", 10, 5, 0), (7, "send", 5, None, 11)]
    assert it.errors == ((7, "KeyError: 'x'"),) and not it.stepped
    assert it.thread == threading.get_ident()
    assert it.names == {7: "fd 7", 8: "fd 8", 9: "fd 9"}
    it = last(recorder)
    assert (it.interest, it.ready) == ({7: READ | WRITE, 9: WRITE}, {8: WRITE, 9: READ | WRITE})
    assert it.calls == it.errors == () and recorder.made == 0
    length = len(recorder.tape)
    recorder.finish()
    assert len(recorder.tape) == length and not caplog.records  # none is open


def test_times_are_those_between_the_waits():
    recorder = Recorder()
    for _ in range(3):
        turn(recorder)
    one, other = recorder.tape
    assert one.at_ns < other.at_ns and min(one.asleep_ns, one.awake_ns, one.cpu_ns) >= 0
    assert one.at_ns + one.asleep_ns + one.awake_ns <= other.at_ns


@pytest.mark.parametrize(
    ("took", "read", "told"),
    [
        (10, 1, [20, 20, 20]),  # at the beginning: of a turn that is over at once the wall clock says it
        (SHORT // 2, 4, [0, 0, 0]),  # and of each turn that took long
        (SHORT, 7, [0, 0, 0]),  # and after what the recorder itself did, if that took long
    ],
)
def test_the_cpu_clock_is_read_where_a_thread_may_have_lost_its_processor(
    took: int, read: int, told: list[int], monkeypatch: pytest.MonkeyPatch
):
    wall, asked = itertools.count(0, took), []
    for module in ("recorder", "sockets"):
        monkeypatch.setattr(f"labkit.record.{module}.clock", lambda: next(wall))
    monkeypatch.setattr(time, "thread_time_ns", lambda: asked.append(0) or 0)
    recorder = Recorder()
    for _ in range(4):
        turn(recorder)
    assert (len(asked), [it.cpu_ns for it in recorder.tape]) == (read, told)


def test_a_turn_used_no_more_cpu_than_it_took(monkeypatch: pytest.MonkeyPatch):
    wall, cpu = itertools.count(0, SHORT), itertools.count(0, SHORT * 9)
    for module in ("recorder", "sockets"):
        monkeypatch.setattr(f"labkit.record.{module}.clock", lambda: next(wall))
    monkeypatch.setattr(time, "thread_time_ns", lambda: next(cpu))
    recorder = Recorder()
    for _ in range(4):
        turn(recorder)
    took = [it.asleep_ns + it.awake_ns for it in recorder.tape]
    assert [it.cpu_ns for it in recorder.tape] == took


class Stop(BaseException):
    pass


@pytest.mark.parametrize("error", [OSError(9, "bad"), Stop("now")])
def test_a_wait_that_raises_is_a_turn_of_its_own(error: BaseException):
    recorder = Recorder()
    turn(recorder)

    def broken(timeout: Any) -> Any:
        raise error

    with pytest.raises(type(error)) as raised:
        recorder.wait(broken, 1.5)
    assert raised.value is error
    it = recorder.tape[-1]
    assert it.errors == ((-1, f"{type(error).__name__}: {error}"),)
    assert (it.timeout, it.ready, len(recorder.tape)) == (1.5, {}, 2)
    recorder.finish()
    assert len(recorder.tape) == 2


def test_an_answer_that_cannot_be_read_is_returned_all_the_same_and_logged_once(caplog: Any):
    recorder = Recorder()
    with caplog.at_level(logging.ERROR, "labkit"):
        assert recorder.wait(lambda timeout: "no keys", 0.0) == "no keys"
    assert last(recorder).ready == {}
    (said,) = caplog.records
    assert said.getMessage() == (
        "the recorder could not read what a wait returned; this turn is recorded without"
    )
    assert said.exc_info


def test_a_turn_that_cannot_be_written_is_logged_and_the_next_one_is_written(caplog: Any):
    recorder = Recorder()
    turn(recorder, 1, "no events", timeout=0.25)  # type: ignore[arg-type]
    recorder.note((7, "recv", 1, 1, 0, "no time"))
    with caplog.at_level(logging.ERROR, "labkit"):
        turn(recorder)
    (said,) = caplog.records
    assert said.getMessage() == "the recorder could not write a turn; it is not on the tape"
    assert len(recorder.tape) == 0


def test_after_the_end_nothing_is_recorded_and_the_wait_goes_on():
    recorder = Recorder()
    turn(recorder)
    recorder.end()
    assert len(recorder.tape) == 1
    assert recorder.wait(lambda timeout: ["an answer"], 0, lambda answer: ()) == ["an answer"]
    recorder.finish()
    assert len(recorder.tape) == 1


def test_an_end_inside_a_wait_leaves_that_turn_out():
    recorder = Recorder()
    turn(recorder)
    recorder.wait(lambda timeout: recorder.end() or [], 0)
    recorder.finish()
    assert len(recorder.tape) == 1


def test_what_a_selector_answers_is_read_by_itself():
    recorder = Recorder()
    key = selectors.SelectorKey("file", 7, READ, None)
    recorder.wait(lambda timeout: [(key, READ), (key._replace(fd=8), READ | WRITE)], 0)
    assert last(recorder).ready == {7: READ, 8: READ | WRITE}


def test_a_method_holds_the_calls_that_it_made():
    recorder = Recorder()
    turn(recorder)
    outer = recorder.enters(7, "handle_read", 3)
    recorder.note((7, "recv", 9, 5, 0, 10**18))
    inner = recorder.enters(8, "handle_rpc")
    recorder.note((8, "send", 5, 5, 0, 10**18))
    recorder.leaves(inner, 32)
    recorder.leaves(outer)
    waits = recorder.enters(7, "loop")
    rows = [(*call[:5],) for call in turn(recorder).calls]
    assert rows == [
        (7, "handle_read", 3, 3, 0),
        (7, "recv", 9, 5, 0),
        (8, "handle_rpc", None, 1, 32),
        (8, "send", 5, 5, 0),
        (7, "loop", None, 0, 0),
    ]
    assert all(call.at_ns >= 0 for call in recorder.tape[0].calls)
    recorder.enters(7, "read")
    recorder.leaves(waits, 5)  # it waited itself: what it began stands on the tape already
    assert [call[:5] for call in last(recorder).calls] == [(7, "read", None, 0, 0)]


def test_a_connection_is_called_by_the_name_it_has_from_that_turn_on():
    recorder = Recorder(describe=lambda fd, data: (f"{data} {fd}", (1, 2, None, 4)))
    recorder.asks(7, READ, "client")
    turn(recorder)
    assert turn(recorder).names == {7: "client 7"}
    recorder.rename(7, "alice")
    assert turn(recorder).names == {7: "alice"}
    assert last(recorder).names == {7: "alice"}
    assert recorder.tape[-1].capacity == {7: Capacity(1, 2, None, 4)}
    recorder.asks(7, 0)
    recorder.asks(7, READ, "again")  # the same one still
    turn(recorder)
    assert last(recorder).names == {7: "alice"}


@pytest.mark.parametrize("known", [False, True], ids=["come", "renamed"])
@pytest.mark.parametrize("asked", [False, True], ids=["", "asked about"])
def test_a_name_from_the_turn_of_the_close_is_not_the_next_owners(known: bool, asked: bool, tmp_path: Path):
    recorder = Recorder(describe=lambda fd, data: (data, (1, 2, None, 4)))
    if known:
        recorder.asks(7, READ, "client")
    turn(recorder)
    recorder.rename(7, "alice") if known else recorder.asks(7, READ, "alice")
    recorder.closes(7)
    it = turn(recorder)
    assert it.names[7] == "alice" and it.calls[0].name == "close"
    if asked:
        recorder.asks(7, READ, "bob")
    recorder.note((7, "recv", 1, 1, 0, 10**18))
    for it in (turn(recorder), last(recorder)):
        assert it.name(7) == ("bob" if asked else "fd 7") and (7 in it.capacity) == asked
    loaded = Tape.load(recorder.tape.save(tmp_path / "tape.jsonl"))
    assert list(loaded) == list(recorder.tape)


@pytest.mark.parametrize("began", ["accept", "connect"])
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed again"])
def test_a_number_taken_again_in_the_turn_of_the_close_does_not_keep_the_name(began: str, closed: bool):
    recorder = Recorder(describe=lambda fd, data: (data, None))
    recorder.asks(7, READ, "alice")
    turn(recorder)
    assert turn(recorder).names == {7: "alice"}
    recorder.closes(7)
    recorder.note((7, "recv", 9, None, errno.EBADF, 10**18))  # whoever was closed still tries
    recorder.note(
        (3, "accept", None, 7, 0, 10**18) if began == "accept" else (7, "connect", None, 0, 0, 10**18)
    )
    if closed:
        recorder.closes(7)
    assert turn(recorder).name(7) == last(recorder).name(7) == "fd 7"


@pytest.mark.parametrize("name", ["recv", "connect"])
def test_a_call_on_what_is_closed_is_still_the_old_owners(name: str):
    recorder = Recorder(describe=lambda fd, data: (data, None))
    recorder.asks(7, READ, "alice")
    turn(recorder)
    turn(recorder)
    recorder.note((3, "accept", None, 7, 0, 10**18))  # before the close: it is another process's affair
    recorder.closes(7)
    recorder.note((7, name, 9, None, errno.EBADF, 10**18))
    assert turn(recorder).name(7) == "alice" and last(recorder).name(7) == "fd 7"


def test_a_poke_stands_in_the_turn_after_it_and_its_connection_is_looked_at(connection: Any):
    here, there = connection
    recorder = Recorder()
    recorder.asks(here.fileno(), READ)
    turn(recorder)
    turn(recorder)
    recorder.poke(("alice", "connect", None, None, 0), None)
    there.send(b"hello")
    recorder.poke(("alice", "send", 5, 5, 0), here.fileno())
    while not here.recv(5, socket.MSG_PEEK):
        pass
    it = turn(recorder)
    assert it.pokes == (Poke("alice", "connect", None, None, 0), Poke("alice", "send", 5, 5, 0))
    assert it.queues[here.fileno()] == Queues(5, None, None, 0)
    assert last(recorder).pokes == ()
