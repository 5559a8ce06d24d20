"""What a hostile client sends: requests that are wrong in some way, as many as asked for."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator

WITHIN = 10.0  # seconds
PARTS = (
    b"GET ", b"POST /vote", b" HTTP/1.1\r\n", b"HTTP/9.9\r\n", b"host: room\r\n", b"\n", b"\r\n\r\n",
    b": \r\n", b"content-length: 5\r\n", b"content-length: 99999999999\r\n", b"content-length: -1\r\n",
    b"transfer-encoding: chunked\r\n", b"ffffffff\r\n", b'{"token": [[[', b"\x00\xff\xfe",
    b"/news?token=%ff%00",
)  # fmt: skip


def malformed(count: int, seed: int = 7) -> Iterator[bytes]:
    """Parts of good requests cut, doubled and mixed with worse; the same for a seed."""
    chance = random.Random(seed)
    for _ in range(count):
        yield b"".join(chance.choice(PARTS) for _ in range(chance.randrange(1, 9)))


def attack(address: tuple[str, int], count: int, seed: int = 7) -> None:
    """Send so many, each on a connection of its own that is closed at once. OSError if nobody lets it in."""
    for data in malformed(count, seed):
        with socket.create_connection(address, WITHIN) as sock, contextlib.suppress(ConnectionError):
            sock.sendall(data)
