"""Names for the ends of connections that nobody named: who has come, or where it goes.

It asks the kernel for addresses. It knows no framework.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path
from typing import Any

from labkit import kernel
from labkit.record.watched import Described


class Names:
    """The names in one recording; it remembers which ports somebody listens on."""

    def __init__(self) -> None:
        self._listening: set[Any] = set()

    def listens(self, address: Any) -> None:
        self._listening.add(_port(address))

    def describe(self, fd: int, accepted: bool | None = None, prefix: str = "") -> Described:
        """(name, capacities of the kernel's queues) of an fd.

        A listener is called that; a connection "client :51234" if it was accepted, "to 127.0.0.1:6379" if it
        was made here.
        `accepted` says which, where neither port does. A `prefix` stands before that: "Handler :51234".
        """
        try:
            with kernel.borrowed(fd) as sock:
                return self._described(sock, fd, accepted, prefix)
        except OSError:  # no socket, or not connected yet
            return f"{prefix} {fd}" if prefix else _kind(fd) or f"fd {fd}", None

    def _described(self, sock: socket.socket, fd: int, accepted: bool | None, prefix: str) -> Described:
        own = sock.getsockname()
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            self._listening.add(_port(own))
            name = f"{prefix} :{own[1]}" if prefix and isinstance(own, tuple) else prefix or "listener"
            return name, None
        peer = sock.getpeername()
        if _port(own) in self._listening:
            accepted = True
        elif _port(peer) in self._listening:
            accepted = False
        elif isinstance(own, tuple) and _ephemeral(_port(own)) != _ephemeral(_port(peer)):
            accepted = _ephemeral(_port(peer))
        if not peer:  # a pair, or somebody who came through a path
            name = f"{prefix or 'fd'} {fd}"
        elif accepted and isinstance(peer, tuple):
            name = f"{prefix or 'client'} :{_port(peer)}"
        else:
            way = "from" if accepted else "with" if accepted is None else "to"
            name = f"{prefix} {way} {written(peer)}".strip()
        return name, (*kernel.capacity(sock), None, None)


def _kind(fd: int) -> str:
    """What the kernel calls a file that has no other name: "eventfd"; "" of any other, and without /proc."""
    try:
        what = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""
    return what.removeprefix("anon_inode:").strip("[]") if what.startswith("anon_inode:") else ""


def written(address: Any) -> str:
    """An address as it is usually written: 127.0.0.1:6379, [::1]:80, /run/redis."""
    if not isinstance(address, tuple):
        return address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)
    host, port = address[0], address[1] if len(address) > 1 else ""
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def _port(address: Any) -> Any:
    return address[1] if isinstance(address, tuple) and len(address) > 1 else address or None


@cache
def _ephemeral_ports() -> range:
    """The ports that the kernel gives to those who ask for none (ip(7), ip_local_port_range)."""
    try:
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
        return range(int(low), int(high) + 1)
    except (OSError, ValueError):
        return range(32_768, 65_536)


def _ephemeral(port: Any) -> bool:
    return port in _ephemeral_ports()
