"""Connections to look at, and whoever is told of what happens on them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from labkit.record.sockets import Sockets

from .ear import Ear


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def pair(ear: Ear) -> Iterator[tuple[socket.socket, socket.socket]]:
    """(recorded, its plain peer): the two ends of a connection, neither of which waits."""
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.setblocking(False)
        yield Sockets(ear).record(here), there


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection: what lies in its queues can be asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = socket.create_connection(listener.getsockname())
        here, _ = listener.accept()
    with here, there:
        yield here, there
