"""The recorder changes nothing that it records, and records what happened."""

import asyncio
import errno
import logging
import selectors
import socket
import struct
import threading

import pytest

from labkit import Channel, Event, Listener, Loop, RecordingSelector, kernel
from labkit.record.recorder import Recorder


class Echo(Channel):
    def handle_read(self):
        self.write(self.recv(1024))


@pytest.fixture
def recorded():
    """A recorded loop without a Lab: (loop, tape, connect)."""
    recorder = Recorder()
    loop = Loop(RecordingSelector(selectors.DefaultSelector(), recorder=recorder))
    listening = recorder.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    listener = Listener(loop, listening, Echo)
    clients = []

    def connect():
        clients.append(socket.create_connection(listener.addr, 5))
        loop.run_once(1)
        return clients[-1]

    yield loop, recorder, connect
    for channel in tuple(loop.channels):
        channel.abort()
    loop.selector.close()
    for client in clients:
        client.close()


def test_every_call_with_its_result_or_errno(recorded):
    loop, recorder, connect = recorded
    client = connect()
    client.send(b"x" * 1500)
    loop.run_once(1)
    loop.run_once(1)
    (channel,) = [c for c in loop.channels if isinstance(c, Echo)]
    assert channel.recv(10) == b""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    loop.run_once(1)
    recorder.finish()
    fd = recorder.tape[0].calls[0].result
    calls = [(c.name, c.arg, c.result, c.errno) for turn in recorder.tape for c in turn.calls if c.fd == fd]
    assert calls == [
        ("recv", 1024, 1024, 0),
        ("send", 1024, 1024, 0),
        ("recv", 1024, 476, 0),
        ("send", 476, 476, 0),
        ("recv", 10, None, errno.EAGAIN),
        ("recv", 1024, None, errno.ECONNRESET),
        ("close", None, None, 0),
    ]
    ats = [call.at_ns for turn in recorder.tape for call in turn.calls]
    assert all(at >= 0 for at in ats)


def test_the_interest_set_is_the_one_that_was_handed_to_the_wait(recorded):
    loop, recorder, connect = recorded
    connect()
    (channel,) = [c for c in loop.channels if isinstance(c, Echo)]
    fd = channel.socket.fileno()
    for interest in (Event.READ, Event.READ | Event.WRITE, Event.WRITE, 0, Event.READ):
        channel.declare(interest)
        loop.run_once(0)
        recorder.finish()
        assert recorder.tape[-1].interest.get(fd, 0) == interest
    if kernel.LINUX and hasattr(selectors, "EpollSelector"):
        held = kernel.interest(loop.selector._selector.fileno())
        assert set(held) == set(recorder.tape[-1].interest)


def test_an_unmodified_asyncio_loop_is_recorded():
    selector = RecordingSelector()
    loop = asyncio.SelectorEventLoop(selector)

    async def talk():
        async def echo(reader, writer):
            writer.write(await reader.read(100))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello")
        answer = await reader.read(100)
        writer.close()
        server.close()
        return answer

    try:
        assert loop.run_until_complete(asyncio.wait_for(talk(), 10)) == b"hello"
    finally:
        loop.close()
    turns = list(selector.tape)
    assert len(turns) > 3
    assert any(turn.ready for turn in turns)
    assert all(set(turn.ready) <= set(turn.interest) for turn in turns)
    assert len({turn.thread for turn in turns}) == 1


def test_it_behaves_as_the_selector_that_it_wraps():
    plain, wrapped = selectors.DefaultSelector(), RecordingSelector()
    with socket.socket() as one:
        for each in (plain, wrapped):
            key = each.register(one, selectors.EVENT_READ, "data")
            assert each.get_key(one) == key
            assert dict(each.get_map()) == {one.fileno(): key}
            with pytest.raises(KeyError):
                each.register(one, selectors.EVENT_READ)
            assert each.unregister(one) == key._replace(fileobj=one)
            with pytest.raises(KeyError):
                each.unregister(one)
            each.close()


def test_an_instrument_that_raises_is_dropped_once_and_logged(recorded, caplog):
    loop, recorder, connect = recorded
    client = connect()

    def broken(data):
        raise RuntimeError("an instrument")

    recorder._watched._sizes = broken
    with caplog.at_level(logging.ERROR, "labkit"):
        for _ in range(3):
            client.send(b"x")
            loop.run_once(1)
            assert client.recv(1) == b"x"
    assert len(caplog.records) == 1
    recorder.finish()
    assert recorder.tape[-1].calls


def test_a_socket_closed_behind_the_selectors_back_is_forgotten(recorded):
    loop, recorder, connect = recorded
    connect()
    (channel,) = [c for c in loop.channels if isinstance(c, Echo)]
    fd = channel.socket.fileno()
    loop.run_once(0)
    channel.declare(0)
    socket.socket.close(channel.socket)
    loop.run_once(0)
    loop.run_once(0)
    recorder.finish()
    assert fd not in recorder.tape[-1].queues
    loop.channels.discard(channel)


def test_connections_that_wait_to_be_accepted_are_counted(recorded):
    loop, recorder, _ = recorded
    (listener,) = loop.channels
    fd = listener.socket.fileno()
    loop.run_once(0)
    listener.handle_read = lambda: None
    with socket.create_connection(listener.addr, 5), socket.create_connection(listener.addr, 5):
        loop.run_once(1)
        recorder.finish()
        assert recorder.tape[-1].backlog == {fd: 2}
        del listener.handle_read
        loop.run_once(1)
        recorder.finish()
        assert recorder.tape[-1].backlog == {fd: 1}


def test_what_lies_in_a_connection_that_is_closed_is_a_moment(recorded):
    loop, recorder, connect = recorded
    client = connect()
    (channel,) = [c for c in loop.channels if isinstance(c, Echo)]
    fd = channel.socket.fileno()
    client.send(b"x" * 1500)
    channel.handle_read = lambda: (channel.recv(1000), channel.abort())
    loop.run_once(1)
    recorder.finish()
    (moment,) = recorder.tape[-1].moments
    assert (moment.after, moment.fd, moment.queues) == (1, fd, (500, 0, 0, 0))


def test_a_socket_that_is_closed_while_it_receives_keeps_its_number(recorded):
    _, recorder, connect = recorded
    client = connect()
    (channel,) = [c for c in recorder.sockets._fds if c.type == socket.SOCK_STREAM and c.fileno() >= 0][-1:]
    channel.setblocking(True)
    fd, got = channel.fileno(), []
    receiving = threading.Thread(target=lambda: got.append(channel.recv(10)))
    receiving.start()
    while not (where := kernel.blocked_in(receiving)) or where.call != "recvfrom":
        assert receiving.is_alive()
    socket.socket.close(channel)  # its fd is gone, the call goes on (close(2), NOTES)
    client.send(b"hello")
    receiving.join(10)
    assert got == [b"hello"]
    recorder.wait(lambda timeout: [], 0)
    recorder.finish()
    calls = [call[:4] for turn in recorder.tape for call in turn.calls]
    assert (fd, "recv", 10, 5) in calls and not any(call[0] < 0 for call in calls)


def test_an_interest_that_is_taken_back_before_the_next_wait_is_no_change(recorded):
    loop, recorder, connect = recorded
    connect()
    (channel,) = [c for c in loop.channels if isinstance(c, Echo)]
    loop.run_once(0)
    recorder.finish()
    before = recorder.tape[-1].interest
    for _ in range(3):
        channel.declare(0)
        channel.declare(selectors.EVENT_READ)
        loop.run_once(0)
        recorder.finish()
        assert recorder.tape[-1].interest == before and recorder.tape._open[-1][-1] is None
    channel.declare(0)
    loop.run_once(0)
    recorder.finish()
    assert channel.socket.fileno() not in recorder.tape[-1].interest


def test_what_stands_is_told_when_it_changes_and_read_at_every_turn(recorded):
    loop, recorder, connect = recorded
    client = connect()
    (channel,) = [c for c in loop.channels if isinstance(c, Echo)]
    fd, stood = channel.socket.fileno(), []
    channel.handle_read = lambda: None
    recorder.finish()
    for piece in (b"x" * 10, b"", b"x" * 5):
        client.send(piece)
        loop.run_once(0)
        recorder.finish()
        stood.append((recorder.tape[-1].queues[fd].recv_queue, len(recorder.tape._open[-1][8])))
    assert stood == [(10, 6), (10, 0), (15, 6)]
