"""Where two tapes part: by what was asked and done, known by names, without times."""

from __future__ import annotations

import socket

import pytest

from labkit import Channel, Lab, Tape, watch
from labkit.lab.scenarios import SCENARIOS, Echo
from labkit.loop import READ, WRITE
from tests.diagnosis.patients import Quiet, asyncore


class Eager(Echo):
    """An echo that always asks to write."""

    def handle_read(self) -> None:
        super().handle_read()
        self.declare(READ | WRITE)


class Loud(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(4096).upper())


class Twice(Channel):
    def handle_read(self) -> None:
        data = self.recv(4096)
        self.write(data)
        self.write(data)


class Raising(Channel):
    def handle_read(self) -> None:
        raise ValueError(self.recv(4096))


def told(handler: type[Channel], *said: bytes, steps: int = 3) -> Tape:
    with Lab(handler) as lab:
        bob = lab.connect("bob")
        lab.step()
        for each in said:
            bob.send(each)
            lab.step(steps)
        return lab.tape


def test_a_tape_does_not_differ_from_itself_nor_from_a_second_run():
    tape = told(Echo, b"hello")
    assert tape.diff(tape) is None
    assert tape.diff(told(Echo, b"hello")) is None
    assert SCENARIOS["echo"]("select").diff(SCENARIOS["echo"]("epoll")) is None


def test_the_first_difference_in_what_is_asked_is_named():
    parts = told(Eager, b"hello").diff(told(Echo, b"hello"))
    assert parts is not None and parts.kind == "asked"
    assert str(parts) == "iteration 2: mine asked to write to bob, yours did not"
    other = told(Echo, b"hello").diff(told(Eager, b"hello"))
    assert str(other) == "iteration 2: yours asked to write to bob, mine did not"


def test_a_call_more_is_named():
    parts = told(Echo, b"hello").diff(told(Twice, b"hello"))
    assert parts is not None and (parts.kind, parts.index, parts.other_index) == ("called", 1, 1)
    assert parts.what == "mine made nothing more, yours made send(5) → 5 bytes on bob"


def test_another_result_is_named():
    parts = told(Echo, b"hello").diff(told(Echo, b"hell"))
    assert parts is not None and parts.kind == "poked"
    assert parts.what == "before mine, bob sent 5 bytes; before yours, bob sent 4 bytes"


def test_what_a_handler_raises_is_named():
    parts = told(Raising, b"hello").diff(told(Raising, b"hellO"))
    assert parts is not None and parts.kind == "raised"
    assert parts.what == ("mine raised ValueError: b'hello' on bob, yours raised ValueError: b'hellO' on bob")


def test_idle_iterations_do_not_count():
    parts = told(Echo, b"hello", b"again", steps=5).diff(told(Echo, b"hello", b"again", steps=1))
    assert parts is None
    late = told(Echo, b"hello", b"?", steps=4).diff(told(Twice, b"", b"?", steps=1))
    assert late is not None


def test_an_index_is_its_own_tapes():
    parts = told(Echo, b"hello", b"again", steps=4).diff(told(Echo, b"hello", b"agai", steps=1))
    assert parts is not None and (parts.index, parts.other_index) == (5, 2)
    assert str(parts).startswith("iteration 5 (2 in yours): ")


def test_a_tape_that_ends_earlier_says_so():
    long, short = told(Echo, b"hello", b"again"), told(Echo, b"hello")
    parts = long.diff(short)
    assert parts is not None and (parts.kind, parts.index, parts.other_index) == ("ended", 4, None)
    assert str(parts) == "iteration 4: yours had ended; mine went on with recv(4_096) → 5 bytes on bob"
    assert (
        str(short.diff(long))
        == "iteration 4: mine had ended; yours went on with recv(4_096) → 5 bytes on bob"
    )


def test_fd_numbers_and_ports_do_not_count():
    def echo(fds_before: int) -> Tape:
        extra = [socket.socket() for _ in range(fds_before)]
        here, there = socket.socketpair()
        channel = Quiet(here)
        with watch(asyncore) as tape, there:
            there.send(b"hello")
            asyncore.loop(timeout=0.01, count=2)
        channel.close()
        for each in extra:
            each.close()
        return tape

    assert echo(0).diff(echo(3)) is None


@pytest.mark.unhurried
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_saved_tape_does_not_differ(name: str, tmp_path):
    tape = SCENARIOS[name]("select")
    assert tape.diff(Tape.load(tape.save(tmp_path / "tape.jsonl"))) is None


def test_two_empty_tapes_do_not_differ():
    assert Tape().diff(Tape()) is None
