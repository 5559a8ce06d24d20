"""Step 4: buffers. A connection that can be written to at any time, and that is not read for ever."""

import socket
from typing import Any

from labkit.tape.turn import Event
from labkit.teaching.exercises import _build
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_reading import asked, calls
from labkit.teaching.practice_stages import Served

TITLE, LESSON, ANSWER, ORDER, AFTER = "Step 4: buffers", "11", "Loop4", 4, "build-3-write-interest"

HIGH = 65_536

STATEMENT = """
`Loop4` has one method more: `attach(self, sock, on_data)` returns a `Connection`, a class of yours.

- Whatever arrives, up to 65,536 bytes a turn, is given to `on_data(connection, data)`. The end is not.
- `connection.write(data)` may be called at any time. It never waits. What the kernel does not take now
  stands in `connection.write_buffer`, a `bytearray`, and goes out when there is room.
- While 65,536 bytes or more wait there, the peer is not read.
- At the end of the peer's stream, and after `connection.close()`, the connection is closed as soon as the
  write buffer is empty. Nothing is read then, and nothing more can be written.

**Judged:** every byte arrives, in order; WRITE is asked for exactly while bytes wait; a peer that does not
read is not read either, and is read again later; nothing is lost at the end.
"""

STUB = """
import selectors

HIGH = 65_536

class Connection:
    def __init__(self, loop, sock, on_data):
        self.loop, self.sock, self.on_data = loop, sock, on_data
        self.write_buffer, self.closing = bytearray(), False
        self.ask()

    def write(self, data):
        ...                             # keep it, and try to send at once

    def close(self):
        self.closing = True
        self.ask()

    def readable(self):
        data = self.sock.recv(HIGH)
        ...                             # hand it on; what is b""?

    def writable(self):
        try:
            sent = self.sock.send(self.write_buffer)
        except BlockingIOError:
            sent = 0
        del self.write_buffer[:sent]
        self.ask()

    def ask(self):
        ...                             # reader? writer? or nothing left to do?

class Loop4(Loop3):
    def attach(self, sock, on_data):
        return Connection(self, sock, on_data)
"""

HINTS = (
    "Let one method, ask(), decide what is asked for, from three things: what waits, whether it is closing,"
    " and HIGH. Call it whenever one of them has changed.",
    "A writer is there exactly while write_buffer holds something. A reader is there unless it is closing, or"
    " HIGH bytes or more wait. When it is closing and nothing waits, remove both and close the socket, once.",
    "readable: data = self.sock.recv(HIGH); if data: self.on_data(self, data), else: self.close(). write: if"
    " not self.closing: self.write_buffer += data; self.writable().",
)

EXPLANATION = """
These are asyncio's transport, its `write` and `pause_reading`, and labkit's own `Channel`. The kernel's two
queues are small and fixed; yours grows as long as you let it. *Not reading* is the only thing that you can
say to a peer that sends too much: its bytes stay in the queues, these fill, and its own `send` waits.
"""


def host(answer: Any, **options: Any) -> Served:
    def program(loop: Any, listener: socket.socket) -> None:
        def on_data(connection: Any, data: bytes) -> None:
            if data == b"BYE":
                connection.write(b"good bye " * 6000)
                connection.close()
            elif data.startswith(b"TWO"):
                connection.write(data)
                connection.write(data)
            else:
                connection.write(data * 20)

        _build.accepting(loop, listener, lambda sock: loop.attach(sock, on_data))

    return _build.on_loop(answer, program, **options)


def a_word(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice")
    for _ in range(2):
        data = bench.text(50)
        stage.send(alice, data)
        got = stage.take(alice, 1000)
        expect(got == data * 20, "alice gets an answer of 1,000 bytes.", f"{len(got)} came.", stage.last)
        _build.rests(stage, "alice has her answer, and the loop sleeps.")
    stage.send(alice, b"TWO words")
    got = stage.take(alice, 18)
    expect(got == b"TWO words" * 2, "Two writes, and both arrive.", f"{got!r} came.", stage.last)
    _build.without_end(stage)
    write = asked(stage.tape, stage.fd("alice"), Event.WRITE)
    expect(
        not write,
        "The kernel took everything at once: WRITE is not asked for.",
        "It was.",
        min(write, default=0),
    )


def a_slow_reader(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice", buffers=8192)
    data = bench.text(2000)
    stage.send(alice, data)
    _build.rests(stage, "alice reads nothing, 40,000 bytes wait for her, and the loop sleeps.")
    _build.asks(stage, "alice", Event.READ | Event.WRITE, "Less than 65,536 bytes wait")
    stage.send(alice, data[::-1])
    got = stage.pump(alice, 80_000)
    expect(
        got == data * 20 + data[::-1] * 20,
        "alice reads on, and gets 80,000 bytes, in order.",
        f"{len(got):,} came" + (", in another order." if len(got) == 80_000 else "."),
        stage.last,
    )
    _build.rests(stage, "alice has everything, and the loop sleeps.")
    _build.asks(stage, "alice", Event.READ, "Nothing waits any more")


def a_greedy_peer(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice", buffers=8192)
    data = bench.text(30_000)
    sent = stage.flood(alice, data)
    _build.rests(stage, "alice sends a lot and reads nothing, and the loop sleeps.")
    fd = stage.fd("alice")
    held = 0
    for turn in stage.tape:
        for call in turn.calls:
            if call.fd == fd and call.name in ("recv", "send"):
                more = call.result or 0
                expect(
                    call.name == "send" or not more or held < HIGH,
                    "With 65,536 bytes or more in the write buffer, the peer is not read.",
                    f"{held:,} waited, and {more:,} more were received.",
                    turn.index,
                )
                held += more * 20 if call.name == "recv" else -more
    got = bytearray()
    while len(got) < len(data) * 20 and not alice.eof:
        more = stage.pump(alice, min(400_000, len(data) * 20 - len(got)))
        sent += stage.send(alice, data[sent:]) if sent < len(data) else 0
        if not more:
            break
        got += more
    whole = b"".join(each for each in [bytes(got)])
    told = f"{len(whole):,} of {len(data) * 20:,} bytes came, and the loop reads no more."
    expect(len(whole) == len(data) * 20, "alice reads, and is read again: all is answered.", told, stage.last)


def the_end(bench: Any) -> None:
    for how in ("alice ends her stream", "alice says bye"):
        stage, alice = _build.company(bench, "alice", buffers=8192)
        if how == "alice says bye":
            stage.send(alice, b"BYE")
            whole = b"good bye " * 6000
        else:
            data = bench.text(3000)
            stage.send(alice, data)
            alice.shutdown()
            whole = data * 20
        _build.rests(stage, f"{how}, bytes wait for her, and the loop sleeps.")
        got = stage.pump(alice, len(whole))
        expect(
            got == whole, f"{how}, and still gets {len(whole):,} bytes.", f"{len(got):,} came.", stage.last
        )
        stage.take(alice, 1)
        expect(alice.eof, f"{how}, has all, and is closed.", "She is not.", stage.last)
        _build.rests(stage, f"{how}, is closed, and the loop sleeps.")
        closed = calls(stage.tape, stage.fd("alice"), "close")
        expect(len(closed) == 1, "Her socket is closed once.", f"{len(closed)} times.", stage.last)


CHECKS = (
    Check("a word", 1, a_word),
    Check("a slow reader", 2, a_slow_reader),
    Check("a greedy peer", 2, a_greedy_peer),
    Check("the end", 1, the_end),
)
