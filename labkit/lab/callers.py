"""Callers of a small RPC server: how often one can call in a second, and what becomes of a bad one.

They speak the wire of the lessons' server: a length, struct "I", and so many bytes of JSON. They know an
address or a lab, and nothing of the server behind it. No wait is without a limit.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from labkit.lab.lab import Lab
from labkit.lab.peer import Peer

WITHIN = 5.0  # seconds for one reply
TURNS = 8  # that a lab makes for an attack


def framed(body: bytes) -> bytes:
    return struct.pack("I", len(body)) + body


def request(params: Any, method: str = "ping") -> bytes:
    """One request as a frame."""
    return framed(json.dumps({"in": method, "params": params}).encode())


ATTACKS = {
    "1,024 bytes": request("x" * (1024 - len(request("")))),
    "no such method": request(1, "nope"),
    "not JSON": framed(b"{]}"),
    "not an object": framed(b"[1, 2]"),
    "a number for a name": framed(b'{"in": 7, "params": 1}'),
    "not UTF-8": framed(b"\xff\xfe"),
    "100,000 brackets": framed(b"[" * 100_000),
    "4 GB announced": b"\xff\xff\xff\xff",
    "cut off in the middle": request("hello")[:-3],  # and then the end
}


def calls_a_second(
    address: tuple[str, int], *, joined: bool = False, nodelay: bool = False, seconds: float = 0.6
) -> float:
    """How many calls one client makes in a second, one after the other.

    It sends the length and then the body, or with `joined` both in one piece; `nodelay` sets TCP_NODELAY.
    """
    frame = request("x")
    with socket.create_connection(address, WITHIN) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
        calls, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for piece in [frame] if joined else [frame[:4], frame[4:]]:
                sock.sendall(piece)
            (length,) = struct.unpack("I", sock.recv(4, socket.MSG_WAITALL))
            sock.recv(length, socket.MSG_WAITALL)
            calls += 1
    return calls / seconds


class Ended(NamedTuple):
    """What a server that serves one client after the other made of two of them."""

    error: Exception | None  # with which it ended
    second: bytes  # what the second client got


def one_after_the_other(serve: Callable[[socket.socket], Any], first: bytes, second: bytes) -> Ended:
    """Two clients have connected and asked; then `serve(listener)` runs until it raises, 2 s at most."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(2)
        with Peer(listener.getsockname(), "finn") as finn, Peer(listener.getsockname(), "gina") as gina:
            finn.send(first)
            gina.send(second)
            try:
                serve(listener)
            except Exception as error:
                return Ended(error, gina.recv())
            return Ended(None, gina.recv())


def attacked(lab: Lab, data: bytes) -> str:
    """What a client hears who sends `data`: "an error reply, closed".

    Afterwards another client asks something harmless; "OTHERS WAIT" if nobody answers it.
    """
    mallory = lab.connect("mallory")
    lab.step()
    mallory.send(data)
    if data == ATTACKS["cut off in the middle"]:
        mallory.shutdown()
    lab.step(TURNS)
    answer = mallory.recv()
    mallory.recv()
    heard = "a reply" if b'"pong"' in answer else "an error reply" if b'"error"' in answer else "no answer"
    bob = lab.connect("bob")
    lab.step()
    bob.send(request("and me?"))
    lab.step(2)
    return heard + (", closed" if mallory.eof else "") + ("" if b"pong" in bob.recv() else ", OTHERS WAIT")
