"""Which sockets are recorded, by what class, and who is told: one, or several."""

from __future__ import annotations

import array
import socket
from typing import Any

import pytest

from labkit.record.sockets import Several, Sockets, nbytes

from .ear import Ear


class Loud(socket.socket):
    """Somebody's own: it sends in capitals, all of it by send(), and receives in small letters."""

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        self.send(data.upper())

    def recv(self, size: int, flags: int = 0) -> bytes:
        return super().recv(size, flags).lower()


def test_what_a_class_of_ones_own_does_is_done_and_told_once(pair, ear: Ear):
    plain, there = socket.socketpair()
    with there, Loud(fileno=plain.detach()) as loud:
        Sockets(ear).record(loud).sendall(b"hello")
        assert there.recv(100) == b"HELLO"
        there.send(b"WORLD")
        assert loud.recv(9) == b"world" and isinstance(loud, Loud)
        assert ear.heard == [(loud.fileno(), "send", 5, 5, 0), (loud.fileno(), "recv", 9, 5, 0)]


class Pipe:
    """No socket at all: it has a number, and the methods that a loop needs."""

    def __init__(self, fd: int = 7) -> None:
        self.fd = fd

    def fileno(self) -> int:
        return self.fd

    def recv(self, size: int) -> bytes:
        return b"abc"[:size]

    def send(self, data: bytes) -> int:
        return len(data) - 1

    def close(self) -> None:
        self.fd = -1


def test_kinds_of_ones_own_are_recorded_if_they_are_named(ear: Ear):
    assert type(Sockets(ear).record(Pipe())) is Pipe
    sockets = Sockets(ear, kinds=(Pipe,))
    pipe = sockets.record(Pipe())
    assert (pipe.recv(9), pipe.send(b"hello"), pipe.close()) == (b"abc", 4, None)
    assert ear.heard == [(7, "recv", 9, 3, 0), (7, "send", 5, 4, 0), ("closes", 7)]
    assert not hasattr(pipe, "accept") and not hasattr(pipe, "sendall")
    assert (type(pipe).__name__, type(pipe).__module__) == ("Pipe", __name__)
    assert sockets.fd_of(pipe) == 7


def test_it_is_called_as_it_was_and_is_itself_again_in_the_end(ear: Ear):
    sockets = Sockets(ear)
    here, there = socket.socketpair()
    with here, there:
        assert sockets.record(here) is here and type(here) is not socket.socket
        recording = type(here)
        assert sockets.record(here) is here and type(here) is recording
        assert type(sockets.record(there)) is recording
        assert repr(recording) == repr(socket.socket) and recording.__qualname__ == "socket"
        assert sockets.fd_of(here) == here.fileno() != sockets.fd_of(there)
        sockets.release()
        assert type(here) is type(there) is socket.socket
        here.send(b"unheard")
        assert sockets.fd_of(here) == -1
        for anything in ("a socket", [here], None):
            assert sockets.record(anything) is anything and sockets.fd_of(anything) == -1
    assert ear.heard == []


def test_several_are_told_the_same_and_the_bytes_only_to_who_looks_closely(pair):
    near, far, later = Ear(closely=True), Ear(), Ear()
    listening = [near, far]
    several = Several(lambda: listening)
    here, there = socket.socketpair()
    with there:
        Sockets(several).record(here)
        fd = here.fileno()
        here.send(b"hello")
        there.send(b"world")
        listening.remove(near)
        here.recv(9)
        assert several.closely is False
        listening.append(later)
        here.shutdown(socket.SHUT_WR)
        here.close()
    sent, got = (fd, "send", 5, 5, 0), (fd, "recv", 9, 5, 0)
    ended = [("ends sending", fd), (fd, "shutdown", 1, 0, 0), ("closes", fd)]
    assert near.heard == [("passes", fd, b"hello", True), sent]
    assert far.heard == [sent, got, ("drained", fd), *ended]
    assert later.heard == ended


@pytest.mark.parametrize(
    ("data", "size"),
    [(b"abc", 3), (array.array("d", [1.0]), 8), (memoryview(b"ab"), 2), ("abc", None), (7, None)],
)
def test_a_buffer_is_counted_in_bytes(data: Any, size: int | None):
    assert nbytes(data) == size
