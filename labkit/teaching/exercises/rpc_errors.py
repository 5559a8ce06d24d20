"""Errors and a cap: an RPC server that says what is wrong, and goes on."""

import json
from typing import Any

from labkit.lab.lab import Lab
from labkit.teaching.exercises.frame_parser import frame
from labkit.teaching.exercises.handle_rpc import ask, replies
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "Errors and a cap", "08", "Careful", 2

STATEMENT = """
Write a class `Careful(Channel)`, an RPC server on the loop of this course. Requests are frames (`"!I"`,
then JSON): `{"in": name, "params": …}`. `self.methods[name](params)` gives the result, and the reply is
`{"out": name, "result": result}`, in a frame.

Whatever is wrong is answered too, with `{"out": "error", "result": "why"}` (your words), and the
connection goes on with the next request:

- a name that is not in `self.methods`; a method that raises; a frame that is no JSON, or JSON but no
  object with an `"in"`.
- A frame of more than **10,000** bytes is answered with an error as soon as it is announced; then the
  connection is closed, for nobody can know where the next frame begins.

**Judged:** each of these, and that good requests before and after are answered in order.
"""

STUB = """
import json
import struct

from labkit import Channel

class Careful(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(4096)
        while len(self.read_buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if len(self.read_buffer) < 4 + length:
                break
            request = json.loads(self.read_buffer[4 : 4 + length])
            del self.read_buffer[: 4 + length]
            result = self.methods[request["in"]](request["params"])
            self.reply({"out": request["in"], "result": result})

    def reply(self, message):
        body = json.dumps(message).encode()
        self.write(struct.pack("!I", len(body)) + body)
"""

HINTS = (
    "Which lines may raise, and what have they done already when they do?",
    "Cut the frame off the buffer first. Then everything from json.loads to the result goes in "
    "one try, and except Exception as error replies.",
    'if length > 10000: self.reply({"out": "error", "result": "too long"}); return '
    "self.handle_close(). handle_close() sends what is in the write buffer, and then closes.",
)

EXPLANATION = """
An exception that leaves a handler costs the client its connection, and tells it nothing. A wrong
*message* is over when its frame is over: say so and read on. A wrong *length* is not: there you can only
stop. `handle_close` sends what is left before it closes; `abort` would throw the explanation away.
"""


def host(answer: Any, **options: Any) -> Lab:
    def fails(params: Any) -> Any:
        raise RuntimeError("it cannot be done")

    class Serving(answer):  # type: ignore[misc]
        methods = {"ping": lambda params: params, "double": lambda params: params * 2, "fails": fails}

    return Lab(Serving, **options)


def _exchange(bench: Any, pieces: list[bytes], wanted: list[tuple[str, Any]], what: str) -> Any:
    """Judge the replies: (out, result); the words of an error are free."""
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    for piece in pieces:
        stage.send(alice, piece)
        stage.quiet()
    got = replies(stage.take(alice, 1 << 20, within=0.2))
    shown = [(each.get("out"), each.get("result")) if isinstance(each, dict) else each for each in got]
    right = [out if out == "error" else (out, result) for out, result in wanted]
    seen = ["error" if isinstance(each, tuple) and each[0] == "error" else each for each in shown]
    names = ", ".join(out for out, _ in wanted)
    told = f"{shown!r:.120}" if shown else "nothing"
    closed = ", and her connection was closed" if alice.eof else ""
    expect(seen == right, f"{what}: the replies are {names}.", f"alice got {told}{closed}.", stage.last)
    return stage


def good_ones(bench: Any) -> None:
    word = bench.text(5).decode()
    data = ask(word) + ask([1, word], "double")
    wanted = [("ping", word), ("double", [1, word, 1, word])]
    _exchange(bench, [data[:10], data[10:]], wanted, "Two good requests")


def wrong_names(bench: Any) -> None:
    wanted = [("ping", 1), ("error", None), ("ping", 2)]
    _exchange(
        bench, [ask(1) + ask(0, "nope") + ask(2)], wanted, "A name that nobody knows, between two good ones"
    )


def failing_methods(bench: Any) -> None:
    _exchange(
        bench,
        [ask(1, "fails") + ask(2)],
        [("error", None), ("ping", 2)],
        "A method that raises, and a good one",
    )
    _exchange(
        bench,
        [ask(None, "double") + ask(2)],
        [("error", None), ("ping", 2)],
        "Params that do not fit, and a good one",
    )


def no_requests(bench: Any) -> None:
    for text in (b"{]}", b"\xff\xfe"):
        _exchange(
            bench,
            [frame(text) + ask(2)],
            [("error", None), ("ping", 2)],
            f"{text!r}, which is no JSON, and a good one",
        )
    for value in ([1, 2], {"params": 1}, 7, {"in": ["x"], "params": 1}):
        text = json.dumps(value).encode()
        _exchange(
            bench,
            [frame(text) + ask(2)],
            [("error", None), ("ping", 2)],
            f"{text.decode()}, which is no request, and a good one",
        )


def too_long(bench: Any) -> None:
    word = "x" * (10_000 - len(ask("")) + 4)
    _exchange(bench, [ask(word)], [("ping", word)], "A frame of exactly 10,000 bytes")
    stage = _exchange(
        bench,
        [ask(1) + (10_001).to_bytes(4, "big")],
        [("ping", 1), ("error", None)],
        "10,001 bytes are announced",
    )
    alice = stage.peers["alice"]
    stage.quiet()
    stage.take(alice, 1)
    expect(alice.eof, "After that the connection is closed.", "It stays open.", stage.last)


CHECKS = (
    Check("good ones", 1, good_ones),
    Check("wrong names", 1, wrong_names),
    Check("failing methods", 1, failing_methods),
    Check("no requests", 2, no_requests),
    Check("too long", 2, too_long),
)
