"""handle_rpc for split and glued requests: the heart of the RPC server, on asyncore."""

import json
import struct
from typing import Any

from labkit.lab.asyncore_host import hosted
from labkit.lab.asyncore_lab import AsyncoreLab
from labkit.teaching.exercises.frame_parser import frame
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "handle_rpc for split and glued", "08", "RPCHandler", 1

STATEMENT = """
Write a class `RPCHandler(asyncore.dispatcher_with_send)`. A request is a frame, a length of four bytes
(`"!I"`) and a JSON text, `{"in": "ping", "params": …}`. The reply is a frame with `{"out": "pong",
"result": …}`, where the result is what the params were.

The stub keeps what it reads in `self.rbuf`; `handle_rpc` is to answer **every** request that is complete
in it, and to keep the rest. `self.send(data)` sends.

**Judged:** requests in one piece, in two, byte by byte, several glued together; long ones; two clients
at the same time.
"""

STUB = """
import asyncore
import json
import struct

class RPCHandler(asyncore.dispatcher_with_send):
    def __init__(self, sock):
        super().__init__(sock)
        self.rbuf = b""

    def handle_read(self):
        self.rbuf += self.recv(4096)
        self.handle_rpc()

    def handle_rpc(self):
        (length,) = struct.unpack_from("!I", self.rbuf)
        request = json.loads(self.rbuf[4 : 4 + length])
        self.rbuf = b""
"""

HINTS = (
    "handle_rpc is called once a read. How many complete requests may there be: none, one, many?",
    "A loop: fewer than 4 bytes? Stop. Fewer than 4 + length? Stop. Otherwise cut the request off"
    " the front, and answer it.",
    'body = json.dumps({"out": "pong", "result": request["params"]}).encode(); '
    'self.send(struct.pack("!I", len(body)) + body)',
)

EXPLANATION = """
The same parser as in lesson 05, at work in a server. What is special about `handle_rpc` is that it knows
nothing of sockets: it is called when bytes have come, and it neither reads nor waits. That is why the
server could be moved from asyncore to another loop by changing a dozen lines.
"""


def host(answer: Any, **options: Any) -> AsyncoreLab:
    return hosted(answer, **options)


def ask(params: Any, method: str = "ping") -> bytes:
    return frame(json.dumps({"in": method, "params": params}).encode())


def replies(data: bytes) -> list[Any]:
    """The messages in a stream of frames; what is none is given as bytes."""
    found: list[Any] = []
    while len(data) >= 4:
        (length,) = struct.unpack_from("!I", data)
        try:
            found.append(json.loads(data[4 : 4 + length]))
        except ValueError:
            return [*found, data]
        data = data[4 + length :]
    return [*found, data] if data else found


def _pong(params: Any) -> dict[str, Any]:
    return {"out": "pong", "result": params}


def _exchange(bench: Any, pieces: list[bytes], asked: list[Any], what: str) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.step(2)
    for piece in pieces:
        stage.send(alice, piece)
        stage.step(2)
    _answered(stage, alice, asked, what)


def _answered(stage: Any, peer: Any, asked: list[Any], what: str) -> None:
    stage.quiet()
    size = sum(len(frame(json.dumps(_pong(each)).encode())) for each in asked)
    got = replies(stage.take(peer, size))
    told = f"{len(got)} replies" if len(got) != len(asked) else f"{got!r:.80}"
    expect(got == [_pong(each) for each in asked], what, f"{peer.name} got {told}.", stage.last)


def in_one_piece(bench: Any) -> None:
    word = bench.text(5).decode()
    _exchange(bench, [ask(word)], [word], "A request in one piece is answered.")


def split(bench: Any) -> None:
    word = bench.text(4).decode()
    data = ask(word)
    for at in (2, 4, len(data) - 1):
        _exchange(
            bench, [data[:at], data[at:]], [word], f"A request that is cut after byte {at} is answered once."
        )
    _exchange(bench, [data[at : at + 1] for at in range(len(data))], [word], "Byte by byte, too.")


def glued(bench: Any) -> None:
    words = [bench.text(3).decode() for _ in range(3)]
    together = b"".join(map(ask, words))
    _exchange(bench, [together], words, "Three requests in one piece get three replies.")
    _exchange(
        bench, [together[:-5], together[-5:]], words, "Two and a half, and then the rest: three replies."
    )


def long_ones(bench: Any) -> None:
    word = bench.text(5000).decode()
    _exchange(bench, [ask(word)], [word], "A request of 5,000 bytes is answered.")
    exact = bench.text(4096 - len(ask(""))).decode()
    _exchange(bench, [ask(exact)], [exact], "A request of exactly 4,096 bytes is answered.")


def two_clients(bench: Any) -> None:
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    stage.step(3)
    one, two = bench.text(6).decode(), bench.text(6).decode()
    alice.send(ask(one)[:9])
    stage.step(2)
    bob.send(ask(two))
    stage.step(2)
    alice.send(ask(one)[9:])
    _answered(stage, bob, [two], "bob is answered while alice's request is half.")
    _answered(stage, alice, [one], "alice is answered when hers is whole.")


CHECKS = (
    Check("in one piece", 1, in_one_piece),
    Check("split", 2, split),
    Check("glued", 2, glued),
    Check("long ones", 1, long_ones),
    Check("two clients", 1, two_clients),
)
