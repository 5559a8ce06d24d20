"""The recorder changes nothing that it records, and records what happened."""

import asyncio
import errno
import logging
import selectors
import socket
import struct

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
