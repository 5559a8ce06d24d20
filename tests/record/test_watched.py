"""What stands where of each connection, whose it is, and who says so: the instruments of a recorder."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

import pytest

from labkit import Event, Tape, kernel
from labkit.record.recorder import SOUGHT_EVERY, Recorder
from labkit.tape.turn import Account, Queues

from .by_hand import READ, WRITE, Data, last, turn


def test_what_is_closed_is_told_with_what_lay_there_and_forgotten(connection: Any):
    here, there = connection
    recorder, fd = Recorder(), here.fileno()
    recorder.sockets.record(here)
    recorder.asks(fd, READ, Data())
    turn(recorder)
    turn(recorder)
    there.send(b"hello")
    here.recv(2)
    here.close()
    it = turn(recorder)
    (moment,) = it.moments
    assert (moment.after, moment.fd, moment.queues, moment.account) == (1, fd, Queues(3, 2, 4, 0), None)
    assert [call[:5] for call in it.calls] == [(fd, "recv", 2, 2, 0), (fd, "close", None, None, 0)]
    assert fd not in it.queues and it.names == {fd: f"fd {fd}"}
    it = last(recorder)
    assert it.names == {} and it.queues == {}


def test_without_queues_nobodys_buffers_are_looked_at(connection: Any):
    here, there = connection
    recorder, fd = Recorder(queues=False), here.fileno()
    recorder.sockets.record(here)
    recorder.asks(fd, READ, Data())
    there.send(b"x")
    turn(recorder, fd, READ)
    here.recv(1)
    here.close()
    it = last(recorder)
    assert it.queues == {} and it.moments == () and len(it.calls) == 2


def test_half_closed_the_end_is_no_byte_of_the_send_queue(connection: Any):
    here, there = connection
    recorder, fd = Recorder(), here.fileno()
    here.setblocking(False)
    recorder.sockets.record(here)
    recorder.asks(fd, READ)
    turn(recorder)
    try:
        while True:
            here.send(bytes(1_000_000))
    except BlockingIOError:
        pass
    turn(recorder)
    here.shutdown(socket.SHUT_WR)
    queued = kernel.send_queue(fd)
    assert queued and queued > 1
    assert turn(recorder).queues[fd].send_queue == queued - 1
    assert recorder._watched.lying(fd)[3] == queued - 1


def test_looking_closely_begins_with_every_connection_and_ends_with_none(connection: Any):
    here, there = connection
    recorder, fd = Recorder(), here.fileno()
    recorder.sockets.record(here)
    recorder.asks(fd, READ, Data())
    recorder.asks(there.fileno(), WRITE)
    turn(recorder)
    turn(recorder)
    recorder.look_closely(True)
    there.send(b"hello")
    it = turn(recorder, fd, READ, there.fileno(), WRITE)
    assert it.stepped and set(it.contents) == {fd, there.fileno()}
    here.recv(2)
    here.send(b"abc")
    it = turn(recorder)
    assert [(each.after, each.fd) for each in it.moments] == [(0, fd), (0, there.fileno()), (1, fd), (2, fd)]
    woke, _, received, sent = it.moments
    assert woke.queues == Queues(5, 2, 4, 0) and woke.contents.recv_queue == b"hello"
    assert received.queues == Queues(3, 4, 4, 0) and received.contents.read_buffer == b"inhe"
    assert sent.queues == Queues(3, 2, 1, 0) and sent.contents.write_buffer == b"!"
    assert it.contents[fd].read_buffer == b"in" and it.contents[fd].recv_queue == b"llo"
    recorder.look_closely(False)
    here.recv(3)
    it = turn(recorder)
    assert not it.stepped and it.moments == () and it.contents == {}


def test_a_number_that_goes_to_another_is_another_connection(connection: Any):
    here, there = connection
    named: list[Any] = []

    def describe(fd: int, data: Any) -> Any:
        named.append(data)
        return str(data), None

    recorder, fd = Recorder(describe=describe), here.fileno()
    recorder.asks(fd, READ, "first")
    turn(recorder)
    recorder.asks(fd, 0)
    recorder.asks(fd, READ, "still first")
    assert named == ["first"]
    recorder.asks(fd, 0)
    os.dup2(there.fileno(), fd)  # closed behind everybody's back, and opened again by somebody else
    recorder.asks(fd, READ, "second")
    assert fd not in recorder._watched.left
    turn(recorder)
    assert named == ["first", "second"] and last(recorder).names == {fd: "second"}


@pytest.mark.parametrize("few", [True, False])
def test_who_was_closed_behind_everybodys_back_is_forgotten_in_the_end(few: bool, connection: Any):
    here, there = connection
    recorder, fd = Recorder(), here.fileno()
    recorder.asks(fd, READ)
    recorder.asks(there.fileno(), READ)
    turn(recorder)
    recorder.asks(fd, 0)
    turn(recorder)
    turn(recorder)
    here.close()
    turn(recorder)
    assert fd in recorder._watched.data
    if few:  # they are looked at whenever the interest set has changed
        recorder.asks(there.fileno(), READ | WRITE)
        turn(recorder)
        turn(recorder)
    else:
        for at in range(SOUGHT_EVERY):
            turn(recorder)
            assert fd in recorder._watched.data or at > SOUGHT_EVERY // 2
    turn(recorder)
    it, watched = last(recorder), recorder._watched
    assert fd not in it.names and there.fileno() in it.names
    assert fd not in watched.data and not watched.left | watched.behind


def broken(*args: Any) -> Any:
    raise RuntimeError("an instrument")


UNKNOWN = None, None
TOLD = "an instrument of the recorder raised; it is left out from now on"
INSTRUMENTS = {
    "sizes": "the recorder could not look at a channel's buffers; it stops looking at them",
    "count": "the recorder could not look at a channel's buffers; it stops looking at them",
    "describe": TOLD,
    "buffers": TOLD,
    "far": TOLD,
}


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_each_instrument_may_break_and_the_loop_goes_on(name: str, connection: Any, caplog: Any):
    here, there = connection
    recorder, fd = Recorder(**{name: broken}), here.fileno()
    with caplog.at_level(logging.ERROR, "labkit"):
        recorder.asks(fd, READ, Data())
        recorder.asks(there.fileno(), READ, Data())
        recorder.look_closely(True)
        there.send(b"hello")
        for _ in range(3):
            turn(recorder, fd, READ)
        it = last(recorder)
    assert [each.getMessage() for each in caplog.records] == [INSTRUMENTS[name]]
    assert it.names[fd] == f"fd {fd}" and it.contents[fd].recv_queue == b"hello"
    known = name not in ("sizes", "count")
    assert it.queues[fd] == Queues(5, *((2, 4) if known else UNKNOWN), 0)
    if name == "buffers":
        assert it.contents[fd][1:3] == UNKNOWN
    else:
        assert it.contents[fd][1:3] == (b"in", b"out!")
    assert it.contents[fd][4:] == UNKNOWN


def test_a_count_is_told_what_has_passed_and_says_where_the_rest_lies(connection: Any):
    here, there = connection
    asked: list[Any] = []
    account = Account(5, 0, 2, 3, 0, 3, True, False)

    def count(fd: int, data: Any, received: int, sent: int) -> Any:
        asked.append((fd, data, received, sent))
        return (3, 0), tuple(account)

    recorder, fd = Recorder(count=count), here.fileno()
    recorder.sockets.record(here)
    recorder.asks(fd, READ, "data")
    turn(recorder)
    turn(recorder)
    there.send(b"hello")
    here.recv(2)
    here.send(b"abc")
    it = turn(recorder)
    here.recv(1)
    turn(recorder)
    assert asked == [(fd, "data", 0, 0), (fd, "data", 2, 3), (fd, "data", 3, 3)]
    assert it.queues[fd] == Queues(3, None, None, 0) and it.accounts[fd] == account and it.balance(fd)


@pytest.mark.parametrize(
    ("data", "sizes"),
    [
        (Data(), (2, 4)),
        (None, (None, None)),
        (type("Half", (), {"read_buffer": b"abc"})(), (3, None)),
        (type("Other", (), {"write_buffer": b"abc"})(), (None, 3)),
        (type("Odd", (), {"read_buffer": 7, "write_buffer": "abcd"})(), (None, 4)),
    ],
)
def test_the_buffers_of_whatever_a_program_registers(data: Any, sizes: Any, connection: Any):
    recorder, fd = Recorder(), connection[0].fileno()
    recorder.asks(fd, READ, data)
    turn(recorder, fd, READ)
    assert last(recorder).queues[fd] == Queues(0, *sizes, 0)


def test_everybody_who_is_ready_is_looked_at(connection: Any):
    here, there = connection
    recorder, fds = Recorder(), [each.fileno() for each in connection]
    for fd in fds:
        recorder.asks(fd, READ)
    turn(recorder)
    for sent in ((5, 3), (5, 4), (6, 4)):  # to both, and to one while the other stands still
        turn(recorder, fds[0], READ, fds[1], READ)
        for sock, fd, size in zip((there, here), fds, sent, strict=True):
            sock.send(bytes(size - (kernel.recv_queue(fd) or 0)))
        assert [turn(recorder).queues[fd].recv_queue for fd in fds] == list(sent)


def test_a_tape_may_be_given():
    tape = Tape()
    recorder = Recorder(tape)
    turn(recorder)
    recorder.finish()
    assert recorder.tape is tape and len(tape) == 1


@pytest.mark.parametrize("known", [True, False])
def test_of_a_long_queue_the_peer_knows_what_was_sent_into_it(known: bool, connection: Any):
    here, there = connection
    sent_by_peer = b"begin" + bytes(1995) + b"on its way"
    asked: list[int] = []

    def front(count: int) -> bytes | None:
        asked.append(count)
        return sent_by_peer[-count:][:256] if known else None

    account = Account(2010, 10, 0, 3, 2, 0, True, False)  # two bytes unread at the peer, one on its way
    recorder, fd = (
        Recorder(
            count=lambda *_: ((2000, 1), tuple(account)),
            far=lambda fd, data: (b"on its way", None, front),
            buffers=lambda data: ("täxt", None),
        ),
        here.fileno(),
    )
    recorder.sockets.record(here)
    recorder.look_closely(True)
    recorder.asks(fd, READ, Data())
    turn(recorder)
    here.send(b"abc")
    there.sendall(sent_by_peer[:2000])
    contents = last(recorder).contents[fd]
    assert contents.recv_queue == (sent_by_peer[:256] if known else None)
    assert contents.read_buffer == "täxt".encode() and contents.write_buffer is None
    assert (contents.send_queue, contents.unsent, contents.unread) == (b"c", b"on its way", b"ab")
    assert set(asked) == {2010}
    seen = recorder.tape[-1].moments[-1]
    assert (seen.account, seen.contents.unread) == (account, b"ab")


def test_now_is_what_the_next_wait_would_find(connection: Any):
    here, there = connection
    recorder, fd = Recorder(), here.fileno()
    assert recorder.now() == ({}, {}, {}, {})
    recorder.asks(fd, READ | Event.EXCEPT, Data())
    recorder.asks(there.fileno(), WRITE)
    there.send(b"hello")
    here.recv(1, socket.MSG_PEEK)
    now = recorder.now()
    assert now.interest == {fd: READ | Event.EXCEPT, there.fileno(): WRITE}
    assert now.ready == {fd: READ, there.fileno(): WRITE}
    assert now.queues[fd] == Queues(5, 2, 4, 0)
    assert now.contents[fd][:4] == (b"hello", b"in", b"out!", b"")
    assert now.queues[there.fileno()] == Queues(0, None, None, 0)


def test_every_listener_that_was_touched_says_how_many_wait():
    recorder = Recorder()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as idle:
        for each in (listener, idle):
            recorder.asks(each.fileno(), READ)
        turn(recorder)
        assert turn(recorder, listener.fileno(), READ).backlog == {listener.fileno(): 0, idle.fileno(): 0}
        with socket.create_connection(listener.getsockname()):
            assert turn(recorder).backlog == {listener.fileno(): 1, idle.fileno(): 0}
            recorder.closes(idle.fileno())
        turn(recorder)
        assert last(recorder).backlog == {listener.fileno(): 1}
