"""Which far end belongs to which fd: the names and peers of a lab's connections, as long as they live.

A connection is known by the far end's port, which the kernel gives to somebody else once it is over: then
nothing of it is kept. It knows peers and sockets, and nothing of loops.
"""

from __future__ import annotations

import socket
import weakref
from dataclasses import dataclass

from labkit.lab.peer import Peer


@dataclass(slots=True)
class Connection:
    """One connection: who is at the far end, and the loop's own end once it was accepted."""

    name: str
    peer: Peer | None = None  # None: a client that is no peer of the lab
    fd: int | None = None
    socket: weakref.ref[socket.socket] | None = None


class Connections:
    """The connections of one lab, by the far end's port. One thread accepts, any may connect."""

    def __init__(self) -> None:
        self._by_port: dict[int, Connection] = {}
        self._port_at: dict[int, int] = {}  # the loop's fd → the far end's port
        self._arrivals: list[set[int]] = []
        self._strangers = 0

    def __len__(self) -> int:
        return len(self._by_port)

    def connected(self, peer: Peer) -> Connection:
        """`peer` has connected; what its port was called before is over, unless it was accepted just now."""
        port = peer.address[1]
        known = self._by_port.get(port)
        if known is not None and known.peer is None and known.fd is not None and _alive(known):
            known.name, known.peer = peer.name, peer  # the loop was quicker than the news
            return known
        self._forget(port)
        made = self._by_port[port] = Connection(peer.name, peer)
        return made

    def introduce(self, port: int, name: str) -> None:
        """Call whoever connects from `port`, and is no peer, `name`."""
        self._by_port[port] = Connection(name)

    def accepted(self, port: int, fd: int, sock: socket.socket) -> Connection:
        """The loop's end of the connection from `port` is `fd`."""
        before = self._port_at.get(fd)
        if before is not None and before != port:
            self._forget(before)  # its fd is somebody else's now
        known = self._by_port.get(port)
        if known is not None and _over(known, sock):
            self._forget(port)
            known = None
        if known is None:
            self._strangers += 1
            known = self._by_port[port] = Connection(f"client {self._strangers}")
        known.fd, known.socket = fd, weakref.ref(sock)
        self._port_at[fd] = port
        for arrived in self._arrivals:
            arrived.add(port)
        return known

    def at(self, port: int | None) -> Connection | None:
        """The connection from `port`, if one is known."""
        return None if port is None else self._by_port.get(port)

    def expect(self) -> set[int]:
        """A set that gets the port of everybody who is accepted from now on, until `expected(it)`."""
        arrived: set[int] = set()
        self._arrivals.append(arrived)
        return arrived

    def expected(self, arrived: set[int]) -> None:
        """Nobody waits for `arrived` any more."""
        self._arrivals = [each for each in self._arrivals if each is not arrived]

    def _forget(self, port: int) -> None:
        gone = self._by_port.pop(port, None)
        if gone is not None and gone.fd is not None and self._port_at.get(gone.fd) == port:
            del self._port_at[gone.fd]


def _over(connection: Connection, sock: socket.socket) -> bool:
    """Whether `sock` is the end of another connection, which got the port after this one."""
    if connection.socket is None or (connection.peer is not None and connection.peer.open):
        return False  # not accepted yet; or the same connection, wrapped into another socket
    return connection.socket() is not sock


def _alive(connection: Connection) -> bool:
    sock = connection.socket() if connection.socket is not None else None
    return sock is not None and sock.fileno() >= 0
