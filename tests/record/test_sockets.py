"""Every call on a recorded socket is the plain socket's, and is told: what was asked, and what came back."""

from __future__ import annotations

import array
import copyreg
import errno
import io
import logging
import os
import pickle
import socket
import tempfile
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import pytest

from labkit.record.sockets import Sockets

from .ear import Ear

PEEK, AT_ONCE = socket.MSG_PEEK, socket.MSG_DONTWAIT
SENT = b"hello world"
MUCH = bytes(8_000_000)  # more than any send queue takes


def into(name: str, size: int, *args: Any, **kwargs: Any) -> Callable[[socket.socket], Any]:
    """A call that receives into a buffer; it returns the buffer, too."""

    def call(sock: socket.socket) -> Any:
        buffer = bytearray(size)
        return getattr(sock, name)(buffer, *args, **kwargs), buffer

    return call


def into_two(sock: socket.socket, *args: Any) -> Any:
    buffers = bytearray(2), bytearray(3)
    return sock.recvmsg_into(iter(buffers) if args else buffers, *args), buffers


def into_numbers(sock: socket.socket) -> Any:
    numbers = array.array("i", [0, 0])
    return sock.recv_into(numbers), numbers


class Size:
    """A number that is no int, as NumPy's are."""

    def __index__(self) -> int:
        return 5


# A way to receive: (the call, its name, its argument in bytes, the bytes that came).
WAYS_TO_RECEIVE: dict[str, tuple[Callable[[Any], Any], str, int, bytes]] = {
    "recv": (lambda s: s.recv(5), "recv", 5, b"hello"),
    "recv of somebody's own number": (lambda s: s.recv(Size()), "recv", 5, b"hello"),
    "recv with a flag": (lambda s: s.recv(5, AT_ONCE), "recv", 5, b"hello"),
    "a peek": (lambda s: s.recv(5, PEEK), "peek", 5, b""),
    "recv_into": (into("recv_into", 4), "recv", 4, b"hell"),
    "recv_into, a part": (into("recv_into", 9, 3), "recv", 3, b"hel"),
    "recv_into by name": (into("recv_into", 9, nbytes=3), "recv", 3, b"hel"),
    "recv_into, all by name": (lambda s: s.recv_into(buffer=bytearray(3)), "recv", 3, b"hel"),
    "recv_into of numbers": (into_numbers, "recv", 8, b"hello wo"),
    "recv_into with a peek": (into("recv_into", 4, 0, PEEK), "peek", 4, b""),
    "recv_into with a peek by name": (into("recv_into", 4, flags=PEEK), "peek", 4, b""),
    "recvfrom": (lambda s: s.recvfrom(4), "recv", 4, b"hell"),
    "recvfrom with a peek": (lambda s: s.recvfrom(4, PEEK), "peek", 4, b""),
    "recvfrom_into": (into("recvfrom_into", 9, 3), "recv", 3, b"hel"),
    "recvfrom_into, all": (into("recvfrom_into", 3), "recv", 3, b"hel"),
    "recvfrom_into with a peek": (into("recvfrom_into", 3, 3, PEEK), "peek", 3, b""),
    "recvmsg": (lambda s: s.recvmsg(4), "recv", 4, b"hell"),
    "recvmsg with room for more": (lambda s: s.recvmsg(4, 2), "recv", 4, b"hell"),
    "recvmsg with a peek": (lambda s: s.recvmsg(4, 0, PEEK), "peek", 4, b""),
    "recvmsg_into": (into_two, "recv", 5, b"he"),  # the first buffer
}


@pytest.mark.parametrize("way", WAYS_TO_RECEIVE)
@pytest.mark.parametrize("closely", [False, True], ids=["", "closely"])
def test_each_way_to_receive_is_told_and_is_the_plain_one(way: str, closely: bool, pair, ear: Ear):
    (here, there), (call, name, size, data) = pair, WAYS_TO_RECEIVE[way]
    ear.closely = closely
    with pytest.raises(BlockingIOError):
        call(here)
    assert ear.heard == [(here.fileno(), "recv", size, None, errno.EAGAIN)]
    ear.heard.clear()

    plain, its_peer = socket.socketpair()
    with plain, its_peer:
        there.send(SENT)
        its_peer.send(SENT)
        assert call(here) == call(plain)
        assert here.recv(100, PEEK) == plain.recv(100, PEEK)  # as much is left
    passed = [("passes", here.fileno(), data, False)] if closely and data else []
    assert ear.heard[: len(passed) + 1] == [*passed, (here.fileno(), name, size, size, 0)]


def test_a_short_read_of_a_stream_says_that_its_queue_is_empty(pair, ear: Ear):
    here, there = pair
    fd = here.fileno()
    there.send(SENT)
    for size in (6, 5, 1):  # all that was asked for, twice; then nothing
        try:
            here.recv(size)
        except BlockingIOError:
            there.send(b"!")
            here.recv(2)
    told = [(6, 6, 0), (5, 5, 0), (1, None, errno.EAGAIN), (2, 1, 0)]
    assert ear.heard == [*((fd, "recv", *each) for each in told), ("drained", fd)]


def test_a_short_read_of_a_datagram_says_nothing_of_its_queue(ear: Ear):
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        Sockets(ear).record(here)
        there.send(b"one")
        there.send(b"two")
        assert here.recv(100) == b"one" and here.recv(100) == b"two"
        assert ear.heard == [(here.fileno(), "recv", 100, 3, 0)] * 2


WAYS_TO_SEND: dict[str, tuple[Callable[[Any], Any], bytes]] = {
    "send": (lambda s: s.send(b"hello"), b"hello"),
    "send with a flag": (lambda s: s.send(b"hello", AT_ONCE), b"hello"),
    "send of a view": (lambda s: s.send(memoryview(b"hello")), b"hello"),
    "send of numbers": (lambda s: s.send(array.array("H", [1, 2])), array.array("H", [1, 2]).tobytes()),
    "sendall": (lambda s: s.sendall(b"hello"), b"hello"),
    "sendall with a flag": (lambda s: s.sendall(bytearray(b"hello"), 0), b"hello"),
    "sendmsg": (lambda s: s.sendmsg([b"he", b"llo"]), b"hello"),
    "sendmsg of a tuple": (lambda s: s.sendmsg((b"he", b"llo")), b"hello"),
    "sendmsg of what is gone through once": (lambda s: s.sendmsg(iter([b"he", b"llo"])), b"hello"),
    "sendmsg with all its arguments": (lambda s: s.sendmsg([b"hello"], [], AT_ONCE), b"hello"),
}


@pytest.mark.parametrize("way", WAYS_TO_SEND)
@pytest.mark.parametrize("closely", [False, True], ids=["", "closely"])
def test_each_way_to_send_is_told_and_is_the_plain_one(way: str, closely: bool, pair, ear: Ear):
    (here, there), (call, data) = pair, WAYS_TO_SEND[way]
    ear.closely = closely
    plain, its_peer = socket.socketpair()
    with plain, its_peer:
        assert call(here) == call(plain)
    assert there.recv(100) == data
    passed = [("passes", here.fileno(), data, True)] if closely else []
    assert ear.heard == [*passed, (here.fileno(), "send", len(data), len(data), 0)]

    fill(here)
    ear.heard.clear()
    with pytest.raises(BlockingIOError):
        call(here)
    assert ear.heard == [(here.fileno(), "send", len(data), None, errno.EAGAIN)]


def fill(sock: socket.socket) -> None:
    for size in (len(MUCH), 1):  # a large piece may fail where a small one still fits
        try:
            while socket.socket.send(sock, MUCH[:size]):
                pass
        except BlockingIOError:
            pass


@pytest.mark.parametrize("call", [lambda s: s.send(MUCH), lambda s: s.sendmsg([MUCH])])
@pytest.mark.parametrize("closely", [False, True], ids=["", "closely"])
def test_what_the_kernel_did_not_take_was_not_sent(call: Callable[[Any], int], closely: bool, pair, ear: Ear):
    here, _ = pair
    ear.closely = closely
    sent = call(here)
    assert 0 < sent < len(MUCH)
    passed = [("passes", here.fileno(), bytes(sent), True)] if closely else []
    assert ear.heard == [*passed, (here.fileno(), "send", len(MUCH), sent, 0)]


def test_datagrams_are_told_both_ways(ear: Ear):
    with socket.socket(type=socket.SOCK_DGRAM) as here, socket.socket(type=socket.SOCK_DGRAM) as there:
        here.bind(("127.0.0.1", 0))
        there.bind(("127.0.0.1", 0))
        Sockets(ear).record(here).sendto(SENT, there.getsockname())
        assert Sockets(ear).record(there).recvfrom(100) == (SENT, here.getsockname())
        with pytest.raises(OSError) as raised:
            here.sendto(bytes(100_000), there.getsockname())
        size = len(SENT)
        assert ear.heard == [
            (here.fileno(), "send", size, size, 0),
            (there.fileno(), "recv", 100, size, 0),
            (here.fileno(), "send", 100_000, None, raised.value.errno),
        ]


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.recv(-1),
        lambda s: s.recv("5"),
        lambda s: s.recv_into(b"read only"),
        lambda s: s.recvfrom(),
        lambda s: s.recvmsg_into(7),
        lambda s: s.send("text"),
        lambda s: s.sendall(),
        lambda s: s.sendmsg(7),
        lambda s: s.sendmsg(),
        lambda s: pickle.dumps(s),
        lambda s: s.accept("too much"),
    ],
)
def test_a_call_that_never_reaches_the_kernel_raises_the_same_and_is_not_told(call, pair, ear: Ear):
    here, there = pair
    with pytest.raises((TypeError, ValueError)) as plain:
        call(there)
    with pytest.raises(plain.type):
        call(here)
    assert ear.heard == []


def test_connections_begin_and_fail_to(ear: Ear):
    sockets = Sockets(ear)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as nobody:
        address = listener.getsockname()
        sockets.record(listener).setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
        with sockets.record(socket.socket()) as one, sockets.record(socket.socket()) as other:
            one.connect(address)
            assert other.connect_ex(address) == 0
            accepted, where = listener.accept()
            with accepted:
                assert where == one.getsockname()
                accepted.send(b"!")  # it is recorded as well
                last = accepted.fileno()
            told = [(each, "connect", None, 0, 0) for each in (one.fileno(), other.fileno())]
            fd = listener.fileno()
            assert ear.heard == [
                (fd, "accept", None, None, errno.EAGAIN),
                *told,
                (fd, "accept", None, last, 0),
                (last, "send", 1, 1, 0),
                ("closes", last),
            ]
        ear.heard.clear()
        nobody.bind(("127.0.0.1", 0))
        with sockets.record(socket.socket()) as one, sockets.record(socket.socket()) as other:
            with pytest.raises(ConnectionRefusedError):
                one.connect(nobody.getsockname())
            assert other.connect_ex(nobody.getsockname()) == errno.ECONNREFUSED
            refused = ("connect", None, None, errno.ECONNREFUSED)
            assert ear.heard == [(one.fileno(), *refused), (other.fileno(), *refused)]


def test_connections_end_in_parts_and_as_a_whole(pair, ear: Ear):
    here, there = pair
    fd = here.fileno()
    for how in (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR):
        here.shutdown(how)
    file = here.makefile()
    here.close()
    assert there.recv(1) == b""
    ends, closes = ("ends sending", fd), ("closes", fd)
    told = [(fd, "shutdown", how, 0, 0) for how in (0, 1, 2)]
    assert ear.heard == [told[0], ends, told[1], ends, told[2]]  # the file keeps it open
    file.close()
    here.close()
    assert ear.heard[5:] == [closes][: len(ear.heard) - 5]


def test_who_is_not_connected_cannot_end(ear: Ear):
    with Sockets(ear).record(socket.socket()) as sock:
        with pytest.raises(OSError, match="connected"):
            sock.shutdown(socket.SHUT_WR)
        assert ear.heard == [(sock.fileno(), "shutdown", socket.SHUT_WR, None, errno.ENOTCONN)]


def test_the_number_0_is_a_number_like_any_other(ear: Ear):
    kept = os.dup(0)
    try:
        with socket.socket() as made:
            os.dup2(made.fileno(), 0)
        Sockets(ear).record(socket.socket(fileno=0)).close()
        assert ear.heard == [("closes", 0)]
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_a_socket_of_another_layout_goes_on_unrecorded(ear: Ear, caplog: Any):
    class Odd(socket.socket):
        __hash__ = None  # type: ignore[assignment]

    with caplog.at_level(logging.INFO, "labkit"), Odd() as odd:
        assert Sockets(ear).record(odd) is odd
    assert [each.getMessage() for each in caplog.records] == [f"calls of {Odd!r} cannot be recorded"]


def test_a_copy_is_recorded_by_its_own_number(pair, ear: Ear):
    here, there = pair
    with here.dup() as copy:
        copy.send(b"!")
        assert there.recv(1) == b"!" and type(copy) is type(here)
        assert ear.heard == [(copy.fileno(), "send", 1, 1, 0)]


def test_a_file_that_it_sends_is_told(pair, ear: Ear):
    here, there = pair
    with tempfile.TemporaryFile() as file:
        file.write(SENT)
        file.seek(0)
        here.setblocking(True)
        assert here.sendfile(file, 0, 5) == 5
    assert there.recv(100) == b"hello"
    assert ear.heard == [(here.fileno(), "send", 5, 5, 0)]
    ear.heard.clear()
    assert here.sendfile(io.BytesIO(SENT), 6) == 5  # this one has no number: it is read, and sent
    assert ear.heard == [(here.fileno(), "send", 5, 5, 0)]


def test_it_is_pickled_as_the_plain_one_by_whoever_has_said_how(pair, monkeypatch):
    here, there = pair
    number = lambda sock: (int, (sock.fileno(),))  # noqa: E731
    for sock in pair:
        with monkeypatch.context() as patched:
            patched.setitem(ForkingPickler._extra_reducers, socket.socket, number)
            assert pickle.loads(ForkingPickler.dumps(sock)) == sock.fileno()
            with pytest.raises(TypeError, match="pickle"):
                pickle.dumps(sock)
        with monkeypatch.context() as patched:
            patched.setitem(copyreg.dispatch_table, socket.socket, number)
            assert pickle.loads(pickle.dumps(sock)) == sock.fileno()
