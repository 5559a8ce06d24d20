"""The loop alone, with the standard library's selectors, and short enough to print."""

import selectors
import socket
from pathlib import Path

import pytest

import labkit.loop
from labkit import BusySelector, Channel, Event, Listener, Loop
from labkit.record.selectors import available, named


class Echo(Channel):
    def handle_read(self):
        self.write(self.recv(4096))


@pytest.fixture(params=[name for name in available() if name != "busy"])
def served(request):
    """A loop that echoes, and a function that connects a client to it."""
    loop = Loop(named(request.param)[1])
    listener = Listener(loop, socket.create_server(("127.0.0.1", 0)), Echo)
    clients = []

    def connect():
        client = socket.create_connection(listener.addr, 5)
        clients.append(client)
        loop.run_once(1)
        return client

    yield loop, connect
    for channel in tuple(loop.channels):
        channel.abort()
    for client in clients:
        client.close()
    loop.selector.close()


def test_it_is_short_enough_to_print():
    assert len(Path(labkit.loop.__file__).read_text().splitlines()) < 120


def test_it_echoes(served):
    loop, connect = served
    client = connect()
    client.send(b"hello")
    loop.run_once(1)
    assert client.recv(100) == b"hello"


def test_it_asks_for_write_only_while_the_write_buffer_is_not_empty(served):
    loop, connect = served
    client = connect()
    (channel,) = [c for c in loop.channels if isinstance(c, Echo)]
    channel.write(b"x" * 20_000_000)
    assert channel.interest == selectors.EVENT_READ | selectors.EVENT_WRITE
    got = 0
    while channel.write_buffer:
        got += len(client.recv(1 << 20))
        loop.run_once(0)
    assert channel.interest == selectors.EVENT_READ
    while got < 20_000_000:
        got += len(client.recv(1 << 20))


def test_a_half_closed_peer_still_gets_everything(served):
    loop, connect = served
    client = connect()
    (channel,) = [c for c in loop.channels if isinstance(c, Echo)]
    channel.write(b"x" * 10_000_000)
    client.shutdown(socket.SHUT_WR)
    got = 0
    while channel in loop.channels:
        loop.run_once(0.01)
        got += len(client.recv(1 << 20))
    while data := client.recv(1 << 20):
        got += len(data)
    assert got == 10_000_000


def test_a_reset_ends_the_channel_and_not_the_loop(served):
    loop, connect = served
    client = connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    loop.run_once(1)
    assert len(loop.channels) == 1
    other = connect()
    other.send(b"still here")
    loop.run_once(1)
    assert other.recv(100) == b"still here"


def test_a_handler_that_raises_loses_its_channel_only(served, capsys):
    loop, connect = served

    class Faulty(Channel):
        def handle_read(self):
            raise ValueError("deliberate")

    (listener,) = loop.channels
    listener.handler = Faulty
    bad = connect()
    listener.handler = Echo
    good = connect()
    bad.send(b"x")
    good.send(b"y")
    loop.run_once(1)
    loop.run_once(0)
    assert good.recv(10) == b"y"
    with pytest.raises(ConnectionResetError):  # closed with its byte unread
        bad.recv(10)
    assert "ValueError: deliberate" in capsys.readouterr().err


def test_a_channel_without_handle_read_says_what_to_write(served, capsys):
    loop, connect = served
    (listener,) = loop.channels
    listener.handler = type("Mute", (Channel,), {})
    connect().send(b"x")
    loop.run_once(1)
    assert "class Mute needs a method handle_read(self)" in capsys.readouterr().err


def test_a_paused_channel_can_be_resumed(served):
    loop, connect = served
    client = connect()
    (channel,) = [c for c in loop.channels if isinstance(c, Echo)]
    channel.declare(0)
    client.send(b"later")
    loop.run_once(0.01)
    channel.declare(Event.READ)
    loop.run_once(1)
    assert client.recv(10) == b"later"


def test_busy_says_that_everything_is_ready_and_never_sleeps():
    selector = BusySelector()
    with socket.socket() as one:
        key = selector.register(one, selectors.EVENT_READ, "data")
        assert selector.select(timeout=100) == [(key, selectors.EVENT_READ)]
        with pytest.raises(KeyError):
            selector.register(one, selectors.EVENT_READ)
        assert selector.modify(one, selectors.EVENT_WRITE).events == selectors.EVENT_WRITE
        selector.unregister(one)
        assert selector.select() == []
        with pytest.raises(ValueError):
            selector.register(one, 0)
    selector.close()


def test_an_unknown_selector_lists_those_of_this_machine():
    with pytest.raises(ValueError, match="no selector 'iocp'; it has busy, .*select, poll"):
        named("iocp")
