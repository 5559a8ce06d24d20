"""The selectors that the standard library lacks: each is told, asked and closed like any other."""

from __future__ import annotations

import selectors
import socket
import sys
from collections.abc import Iterator

import pytest

from labkit import RecordingSelector, Tape, kernel
from labkit.record.edge import EdgeSelector
from labkit.record.selectors import BusySelector, available, named

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def told(selector: selectors.BaseSelector) -> list[tuple[object, int]]:
    return [(key.data, events) for key, events in selector.select(0)]


@pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux")
def test_an_edge_is_told_once_and_the_next_one_again(pair: Pair):
    here, there = pair
    with EdgeSelector() as selector:
        key = selector.register(here, READ, "mine")
        assert (key.fileobj, key.events, key.data) == (here, READ, "mine")
        assert selector.get_key(here) == key and told(selector) == []
        for _ in range(2):
            there.send(b"x")
            assert told(selector) == [("mine", READ)]
            assert told(selector) == []  # both bytes lie there still
        assert here.recv(9) == b"xx"


@pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux")
@pytest.mark.parametrize("events", [READ, WRITE, READ | WRITE])
def test_what_an_edge_is_asked_for_is_what_the_kernel_holds(events: int, pair: Pair):
    here, there = pair
    there.send(b"x")
    flags = sum(flag for event, flag in ((READ, 0x1), (WRITE, 0x4)) if events & event) | 1 << 31
    with EdgeSelector() as first, EdgeSelector() as second:
        first.register(here, events)
        second.register(here, READ | WRITE if events != READ | WRITE else READ, "old")
        key = second.modify(here, events, "new")
        assert key == second.get_key(here) and key.data == "new"
        for selector, data in ((first, None), (second, "new")):
            held = (kernel.interest(selector.fileno()) or {})[here.fileno()]
            assert held & 0x8000_0005 == flags
            assert told(selector) == [(data, events)] and told(selector) == []


def test_who_never_asks_says_that_everything_is_ready(pair: Pair):
    here, there = pair
    with BusySelector() as selector:
        assert selector.select() == []
        selector.register(here, READ, "here")
        selector.register(there, READ | WRITE, "there")
        assert told(selector) == [("here", READ), ("there", READ | WRITE)]


def test_a_machine_has_the_selectors_that_its_python_has():
    names = {"SelectSelector", "PollSelector", "EpollSelector", "KqueueSelector"}
    there = {name.removesuffix("Selector").lower(): getattr(selectors, name, None) for name in names}
    there = {name: kind for name, kind in there.items() if kind}
    assert available().items() >= {"busy": BusySelector, **there}.items()
    for name, kind in available().items():
        called, selector = named(name)
        with selector:
            assert called == name and type(selector) is kind
            assert named(selector) == (name, selector)


def test_another_systems_selector_is_offered_where_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(selectors, "KqueueSelector", BusySelector, raising=False)
    monkeypatch.delattr(selectors, "PollSelector", raising=False)
    assert available()["kqueue"] is BusySelector and "poll" not in available()


def test_an_unknown_selector_is_answered_with_those_that_there_are():
    with pytest.raises(ValueError) as raised:
        named("io_uring")
    assert str(raised.value) == (
        f"this machine has no selector 'io_uring'; it has {', '.join(available())}. "
        "Or give any selectors.BaseSelector."
    )


def test_a_recorded_selector_is_the_one_that_it_wraps_and_writes_each_wait_down(pair: Pair):
    here, there = pair
    tape = Tape()
    wrapped = selectors.SelectSelector()
    selector = RecordingSelector(wrapped, tape)
    assert selector.tape is tape and selector.about is tape.about
    assert tape.about["selector"] == "select"
    fd = here.fileno()
    assert selector.register(here, READ, "one") == wrapped.get_key(here)
    assert told(selector) == []
    key = selector.modify(here, READ | WRITE, "two")
    assert key == wrapped.get_key(here) == selector.get_key(here) == selector.get_map()[here]
    assert (key.events, key.data) == (READ | WRITE, "two")
    assert told(selector) == [("two", WRITE)]
    there.send(b"x")
    assert told(selector) == [("two", READ | WRITE)]
    assert selector.unregister(here) == key
    assert told(selector) == []
    assert len(tape) == 3
    selector.close()
    assert [(dict(turn.interest), dict(turn.ready), turn.timeout) for turn in tape] == [
        ({fd: READ}, {}, 0),
        ({fd: READ | WRITE}, {fd: WRITE}, 0),
        ({fd: READ | WRITE}, {fd: READ | WRITE}, 0),
        ({}, {}, 0),
    ]
    assert wrapped.get_map() is None  # closed
    with pytest.raises(AttributeError):
        selector.fileno()


def test_a_recorded_selector_has_the_number_of_the_one_that_it_wraps(pair: Pair):
    wrapped = selectors.DefaultSelector()
    with RecordingSelector(wrapped) as selector:
        if hasattr(wrapped, "fileno"):
            assert selector.fileno() == wrapped.fileno() > 2
        assert RecordingSelector(BusySelector(), selector.tape).about["selector"] != "busy"  # the first stays
