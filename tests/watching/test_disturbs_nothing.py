"""A watched program is undisturbed: any value, any way to move bytes, any thread, and any name used again."""

from __future__ import annotations

import array
import asyncio
import contextlib
import ctypes
import decimal
import enum
import fractions
import json
import logging
import os
import selectors
import socket
import threading
import unittest.mock
from collections.abc import Callable, Iterator
from multiprocessing import reduction
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import BusySelector, Event, RecordingSelector, Tape, watch
from labkit.record.recorder import Recorder


class Flag(enum.IntFlag):
    READ = 1


class Size(enum.IntEnum):
    FIVE = 5


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname(), 5)
        far, _ = listener.accept()
    with near, far:
        far.settimeout(5)
        yield near, far


@pytest.fixture
def recorded(pair) -> tuple[Recorder, socket.socket, socket.socket]:
    recorder = Recorder()
    return recorder, recorder.sockets.record(pair[0]), pair[1]


def made(recorder: Recorder) -> list[tuple[Any, ...]]:
    """(name, arg, result) of the calls of a turn that is closed now."""
    recorder.wait(lambda timeout: [], 0)
    recorder.finish()
    return [call[1:4] for turn in recorder.tape for call in turn.calls]


# ---- values of any kind ----------------------------------------------------------------------------------


@pytest.mark.unhurried
@pytest.mark.parametrize(
    "timeout", [fractions.Fraction(1, 10**6), numpy.float64(1e-6), decimal.Decimal(0), numpy.int64(0), False]
)
def test_a_thousand_waits_with_a_timeout_of_any_kind(timeout, tmp_path):
    with selectors.SelectSelector() as selector, watch(selector) as tape:
        for _ in range(1100):
            with contextlib.suppress(TypeError):  # of a Decimal: select's own, watched or not
                selector.select(timeout)
    assert type(tape[0].timeout) in (int, float)
    assert list(Tape.load(tape.save(tmp_path / "tape.jsonl"))) == list(tape)


def test_an_intflag_given_to_register_is_kept_as_a_number(pair):
    near, far = pair
    with BusySelector() as selector, watch(selector) as tape:
        selector.register(near, Flag.READ)
        for _ in range(1100):
            assert selector.select(0)[0][1] is Flag.READ
    assert tape[0].interest == {near.fileno(): Event.READ} and tape[1099].ready


@pytest.mark.parametrize("anything", [unittest.mock.Mock(), unittest.mock.MagicMock()])
def test_mocks_for_a_socket_and_its_data_are_watched_as_anything_else(anything, pair, tmp_path):
    anything.fileno.return_value = pair[0].fileno()
    with selectors.SelectSelector() as selector, watch(selector) as tape:
        selector.register(anything, selectors.EVENT_WRITE, anything)
        for _ in range(600):
            assert selector.select(0)[0][0].data is anything
        selector.unregister(anything)
    assert list(Tape.load(tape.save(tmp_path / "tape.jsonl"))) == list(tape)


def test_sizes_of_any_kind(recorded):
    recorder, near, far = recorded
    far.send(bytes(20))
    assert len(near.recv(Size.FIVE)) == len(near.recv(numpy.int64(5))) == 5
    assert [type(arg) for _, arg, _ in made(recorder)] == [int, int]


def test_buffers_of_any_kind(recorded):
    class Point(ctypes.Structure):
        _fields_ = [("x", ctypes.c_int32), ("y", ctypes.c_int32)]

    recorder, near, far = recorded
    assert near.send(Point(1, 2)) == 8 and near.send(array.array("I", [1, 2])) == 8
    far.sendall(far.recv(16))
    target = Point()
    assert near.recv_into(target) == 8 and (target.x, target.y) == (1, 2)
    assert near.recv_into(bytearray(100), 4) == 4
    assert made(recorder) == [("send", 8, 8), ("send", 8, 8), ("recv", 8, 8), ("recv", 4, 4)]


# ---- every way to move bytes -----------------------------------------------------------------------------

SENDS: dict[str, Callable[[socket.socket], Any]] = {
    "send": lambda sock: sock.send(b"hello"),
    "sendall": lambda sock: sock.sendall(b"hello"),
    "sendmsg": lambda sock: sock.sendmsg(each for each in (b"he", b"llo")),
    "makefile": lambda sock: sock.makefile("wb", buffering=0).write(b"hello"),
    "dup": lambda sock: sock.dup().send(b"hello"),
}
RECEIVES: dict[str, Callable[[socket.socket], Any]] = {
    "recv": lambda sock: sock.recv(5),
    "recv_into": lambda sock: sock.recv_into(bytearray(9), nbytes=5),
    "recvfrom": lambda sock: sock.recvfrom(5)[0],
    "recvfrom_into": lambda sock: sock.recvfrom_into(bytearray(5))[0],
    "recvmsg": lambda sock: sock.recvmsg(5)[0],
    "recvmsg_into": lambda sock: sock.recvmsg_into([bytearray(2), bytearray(3)])[0],
    "makefile": lambda sock: sock.makefile("rb", buffering=0).read(5),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("way", SENDS)
def test_every_way_to_send_is_counted(way, recorded):
    recorder, near, far = recorded
    SENDS[way](near)
    assert far.recv(9) == b"hello"
    assert sum(result for name, _, result in made(recorder) if name == "send") == 5


@pytest.mark.parametrize("way", RECEIVES)
def test_every_way_to_receive_is_counted(way, recorded):
    recorder, near, far = recorded
    far.send(b"hello")
    assert RECEIVES[way](near) in (5, b"hello")
    assert made(recorder) == [("recv", 5, 5)]


def test_a_peek_moves_nothing(recorded):
    recorder, near, far = recorded
    far.send(b"hello")
    assert near.recv(5, socket.MSG_PEEK) == near.recv(5) == b"hello"
    assert made(recorder) == [("peek", 5, 5), ("recv", 5, 5)]


def test_a_file_that_is_sent_is_counted(recorded, tmp_path):
    recorder, near, far = recorded
    (tmp_path / "file").write_bytes(b"hello")
    with (tmp_path / "file").open("rb") as file:
        assert near.sendfile(file) == 5
    assert made(recorder) == [("send", None, 5)]


def test_a_recorded_socket_is_pickled_as_any_other(recorded):
    _, near, far = recorded
    plain = reduction.ForkingPickler.dumps(far)
    assert len(reduction.ForkingPickler.dumps(near)) == len(plain)
    with pytest.raises(TypeError, match="cannot pickle 'socket' object"):
        near.__reduce_ex__(4)


def test_a_detached_socket_leaves_its_fd(recorded):
    _, near, far = recorded
    fd = near.detach()
    far.send(b"hello")
    assert os.read(fd, 9) == b"hello" and near.fileno() == -1
    os.close(fd)


# ---- threads ---------------------------------------------------------------------------------------------


@pytest.mark.unhurried
def test_watching_ends_a_thousand_times_while_another_thread_waits():
    selector, over, wrong = selectors.DefaultSelector(), threading.Event(), []
    left, right = socket.socketpair()
    selector.register(left, selectors.EVENT_READ)
    right.send(b"x")

    def run() -> None:
        try:
            while not over.is_set():
                assert len(selector.select(0.001)) == 1
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    tape = Tape()
    for _ in range(2000):
        with watch(selector, tape):
            pass
    over.set()
    thread.join(10)
    for each in (selector, left, right):
        each.close()
    assert not wrong and not thread.is_alive()


def test_asyncores_first_thread_is_told_by_itself_not_by_its_number():
    asyncore = pytest.importorskip("asyncore")
    with watch(asyncore) as tape:
        for _ in range(5):  # one after another: they get the same number
            left, right = socket.socketpair()
            map: dict[int, Any] = {}
            asyncore.dispatcher(left, map)
            thread = threading.Thread(target=lambda map=map: [asyncore.poll(0.001, map) for _ in range(3)])
            thread.start()
            thread.join(5)
            asyncore.close_all(map)
            right.close()
    assert len(tape) == 3


# ---- names, instruments, and patches of others -----------------------------------------------------------


def test_ten_clients_one_after_another_have_ten_names():
    async def main() -> tuple[Tape, list[int]]:
        async def echo(reader: Any, writer: Any) -> None:
            writer.write(await reader.read(9))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        ports = []
        with watch(asyncio.get_running_loop()) as tape:
            for _ in range(10):
                with socket.create_connection(server.sockets[0].getsockname()) as client:
                    ports.append(client.getsockname()[1])
                    client.setblocking(False)
                    client.send(b"x")
                    while not await asyncio.sleep(0.001):
                        with contextlib.suppress(BlockingIOError):
                            client.recv(9)
                            break
            server.close()
            await server.wait_closed()
        return tape, ports

    tape, ports = asyncio.run(main())
    names = {it.name(fd) for it in tape for fd in it.ready}
    assert {f"client :{port}" for port in ports} <= names


def test_an_outgoing_connection_is_named_by_where_it_goes():
    async def main() -> tuple[Tape, int]:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with watch(asyncio.get_running_loop()) as tape:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(0.01)
            writer.close()
            await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return tape, port

    tape, port = asyncio.run(main())
    assert f"to 127.0.0.1:{port}" in {name for it in tape for name in it.names.values()}


def test_an_instrument_that_raises_in_register_is_dropped_once_and_logged(pair, caplog):
    def broken(fd: int, data: Any) -> Any:
        raise RuntimeError("an instrument")

    selector = RecordingSelector(recorder=Recorder(describe=broken))
    with caplog.at_level(logging.ERROR, "labkit"):
        for sock in pair:
            selector.register(sock, selectors.EVENT_READ)
    selector.close()
    assert len(caplog.records) == 1


def test_somebody_elses_patch_over_select_survives(pair):
    selector, called = selectors.SelectSelector(), []
    with selector:
        with watch(selector) as tape:
            ours = selector.select
            selector.select = lambda timeout=None: called.append(timeout) or ours(timeout)  # type: ignore
            selector.select(0)
        theirs = selector.select
        assert theirs(0) == [] and called == [0, 0] and vars(selector)["select"] is theirs
    assert len(tape) == 1


def test_the_selectors_answer_what_a_selector_answers(pair):
    near, _ = pair
    with BusySelector() as busy:
        key = busy.register(near, selectors.EVENT_READ, "data")
        assert busy.get_key(near) == busy.get_map()[near] == key
    recording = RecordingSelector(selectors.EpollSelector())
    assert recording.about == {"selector": "epoll"} and recording.fileno() >= 0
    recording.close()


def test_with_calls_datagrams_sock_calls_and_files_are_seen(tmp_path):
    (tmp_path / "file").write_bytes(bytes(3000))

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, address: Any) -> None:
            self.transport.sendto(data, address)

    async def main() -> Tape:
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        for each in (left, right):
            each.setblocking(False)
        with left, right, watch(loop, calls=True) as tape, (tmp_path / "file").open("rb") as file:
            transport, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"hello", transport.get_extra_info("sockname"))
                await asyncio.sleep(0.02)
                assert client.recv(9, socket.MSG_DONTWAIT) == b"hello"
            right.send(b"x")
            assert await loop.sock_recv(left, 9) == b"x"
            assert await loop.sock_sendfile(left, file) == 3000
            transport.close()
            await asyncio.sleep(0.01)
        assert type(left) is socket.socket
        return tape

    tape = asyncio.run(main())
    moved = [(call.name, call.result) for it in tape for call in it.calls]
    assert {("recv", 5), ("send", 5), ("recv", 1), ("send", 3000)} <= set(moved)


def test_with_calls_tornados_connections_are_seen():
    tcp = pytest.importorskip("tornado.tcpserver")
    iostream = pytest.importorskip("tornado.iostream")

    class Echo(tcp.TCPServer):
        async def handle_stream(self, stream: Any, address: Any) -> None:
            with contextlib.suppress(iostream.StreamClosedError):
                while True:
                    await stream.write(await stream.read_until(b"\n"))

    async def main() -> Tape:
        server = Echo()
        with watch(asyncio.get_running_loop(), calls=True) as tape:
            server.listen(0, "127.0.0.1")
            (sock,) = server._sockets.values()
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            writer.write(b"x" * 99 + b"\n")
            await reader.readexactly(100)
            writer.close()
            await asyncio.sleep(0.01)
            server.stop()
        return tape

    tape = asyncio.run(main())
    moved = [(call.name, call.result) for it in tape for call in it.calls]
    assert moved.count(("recv", 100)) == moved.count(("send", 100)) == 2  # of either end


def test_the_read_buffer_of_any_protocol_is_known_by_its_usual_names():
    class Lines(asyncio.Protocol):
        def __init__(self) -> None:
            self.read_buffer = bytearray()

        def data_received(self, data: bytes) -> None:
            self.read_buffer += data

    class Slotted(asyncio.Protocol):
        __slots__ = ("buffer",)

        def __init__(self) -> None:
            self.buffer = b""

        def data_received(self, data: bytes) -> None:
            self.buffer += data

    async def main(kind: Any) -> Tape:
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        with watch(loop, calls=True) as tape:
            transport, _ = await loop.create_connection(kind, sock=left)
            right.send(b"hello")
            await asyncio.sleep(0.01)
            transport.close()
            right.close()
            await asyncio.sleep(0)
        return tape

    for kind in (Lines, Slotted):
        tape = asyncio.run(main(kind))
        assert 5 in [queues.read_buffer for it in tape for queues in it.queues.values()]


def test_a_socket_written_in_python_keeps_its_signature_and_is_counted_once(pair):
    class Mine(socket.socket):
        """As ssl.SSLSocket does it."""

        def recv(self, size: int = 5, flags: int = 0) -> bytes:
            return super().recv(size, flags)

        def sendall(self, data: Any, flags: int = 0) -> None:
            while data:
                data = data[self.send(data, flags) :]

    near, far = pair
    recorder = Recorder()
    mine = recorder.sockets.record(Mine(fileno=near.detach()))
    with mine:
        far.send(b"hello")
        assert mine.recv() == b"hello" and mine.sendall(b"world", flags=0) is None
        assert made(recorder) == [("recv", None, 5), ("send", 5, 5)]


@pytest.mark.parametrize("name", ["uvloop", "pyftpdlib.ioloop"])
def test_loops_that_cannot_be_watched_are_refused_with_a_sentence(name):
    module = pytest.importorskip(name)
    loop = module.new_event_loop() if name == "uvloop" else module.IOLoop()
    with pytest.raises(TypeError, match=f"{name.partition('.')[0]}.* waits .*cannot be watched"):
        watch(loop)
    loop.close()


# ---- a random program, watched and not -------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "recv", "peek", "into", "modify", "unregister", "wait", "shut", "close"]),
        st.sampled_from([0, 1]),
        st.integers(0, 40),
    ),
    max_size=30,
)


def program(steps: list[tuple[str, int, int]], around: Callable[[Any], Any]) -> list[Any]:
    """What a program sees that does these steps on a pair of sockets and a selector."""
    seen: list[Any] = []
    ends = [Recorder().sockets.record(each) if around is watch else each for each in socket.socketpair()]
    with selectors.SelectSelector() as selector, around(selector), ends[0], ends[1]:
        for each in ends:
            each.setblocking(False)
        deeds: dict[str, Callable[[socket.socket, int], Any]] = {
            "send": lambda sock, n: sock.send(bytes(n)),
            "recv": lambda sock, n: sock.recv(n),
            "peek": lambda sock, n: sock.recv(n, socket.MSG_PEEK),
            "into": lambda sock, n: sock.recv_into(bytearray(10), n),
            "modify": lambda sock, n: (selector.modify if sock in selector.get_map() else selector.register)(
                sock, n % 4
            )[2:],
            "unregister": lambda sock, n: selector.unregister(sock)[2:],
            "wait": lambda sock, n: sorted((ends.index(k.fileobj), e) for k, e in selector.select(0)),  # type: ignore
            "shut": lambda sock, n: sock.shutdown(n % 4),
            "close": lambda sock, n: sock.close(),
        }
        for deed, which, n in steps:
            try:
                seen.append(deeds[deed](ends[which], n))
            except Exception as error:
                seen.append((type(error), str(error).partition(" at 0x")[0].partition("<")[0]))
    return seen


@pytest.mark.unhurried
@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_a_random_program_sees_the_same_watched_as_not(steps):
    assert program(steps, watch) == program(steps, contextlib.nullcontext)


def test_what_is_kept_of_strange_values_is_json(recorded):
    recorder, near, far = recorded
    recorder.wait(lambda timeout: [], fractions.Fraction(1, 3))
    recorder.finish()
    assert json.dumps(recorder.tape[0].timeout) == "0.3333333333333333"
