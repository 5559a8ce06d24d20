"""Step 2: many fds. Each has a callback of its own, and may leave."""

import socket
from functools import partial
from typing import Any

from labkit.teaching.exercises import _build
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import Served

TITLE, LESSON, ANSWER, ORDER, AFTER = "Step 2: many", "11", "Loop2", 2, "build-1-one-fd"

STATEMENT = """
`Loop2` is your `Loop1` for any number of sockets.

- `add_reader(self, sock, callback)`: as before; each socket has a callback of its own.
- `remove_reader(self, sock)`: the loop does not ask about it any more. The program calls this before it
  closes a socket.
- `run_once(self)`: one wait, and then the callback of *each* socket that is ready, before the next wait.

One of the sockets is a listener: it is readable when somebody wants to connect.

**Judged:** each peer gets back every byte of its own; whoever is ready is handled in that turn; whoever
leaves is not asked about any more, and somebody else can have the number of their fd.
"""

STUB = """
class Loop2(Loop1):
    def add_reader(self, sock, callback):
        ...                             # where does each socket's own callback stand?

    def remove_reader(self, sock):
        ...

    def run_once(self):
        for key, events in self.selector.select():
            ...
"""

HINTS = (
    "A selector keeps a third thing for each socket, beside the socket and its events: anything you like.",
    "selector.register(sock, READ, callback) keeps it; key.data gives it back. unregister(sock) ends it.",
    "run_once: for key, events in self.selector.select(): key.data()",
)

EXPLANATION = """
One wait for everybody, then a callback for each: that is all the concurrency there is. Nobody interrupts a
callback; if one takes long, the others wait. Accepting is nothing special either: a listener is a socket that
is readable when somebody knocks.
"""


def host(answer: Any, **options: Any) -> Served:
    def program(loop: Any, listener: socket.socket) -> None:
        socks: list[socket.socket] = []

        def welcome(sock: socket.socket) -> None:
            socks.append(sock)
            loop.add_reader(sock, partial(read, sock))

        def read(sock: socket.socket) -> None:
            data = sock.recv(4096)
            if data == b"all":
                sock.send(b"!")
                _build.until_ready([each for each in socks if each is not sock])
            if data:
                sock.send(data)
            else:
                socks.remove(sock)
                loop.remove_reader(sock)
                sock.close()

        _build.accepting(loop, listener, welcome)

    return _build.on_loop(answer, program, **options)


def everybody(bench: Any) -> None:
    stage, alice, bob, carol = _build.company(bench, "alice", "bob", "carol")
    for peer in bench.rng.sample([alice, bob, carol, alice], 4):
        _build.echoed(stage, bench, peer, f"{peer.name} gets back every byte")
        _build.rests(stage, f"{peer.name} is echoed, and the loop sleeps in its selector.")
    _build.without_end(stage)


def all_at_once(bench: Any) -> None:
    stage, *peers = _build.company(bench, "alice", "bob", "carol", "dave")
    slow, *others = bench.rng.sample(peers, 4)
    stage.send(slow, b"all")
    stage.take(slow, 1)  # its callback is at work, and waits until all the others have sent
    for peer in others:
        stage.send(peer, bench.text(20))
    for peer in others:
        got = stage.take(peer, 20)
        expect(len(got) == 20, f"{peer.name} is echoed.", f"{len(got)} of 20 bytes came.", stage.last)
    _build.rests(stage, "All are echoed, and the loop sleeps in its selector.")
    _build.handles_all(stage)


def one_leaves(bench: Any) -> None:
    stage, alice, bob = _build.company(bench, "alice", "bob")
    alice.shutdown()
    _build.rests(stage, "alice has left, and the loop sleeps.")
    stage.take(alice, 1)
    expect(alice.eof, "alice has left, and her connection is closed.", "It is not.", stage.last)
    _build.echoed(stage, bench, bob, "alice has left, and bob is still echoed")
    carol = stage.connect("carol")
    _build.rests(stage, "carol has connected, and the loop sleeps.")
    _build.echoed(stage, bench, carol, "carol has come, with the number of alice's fd, and is echoed")


CHECKS = (
    Check("everybody", 1, everybody),
    Check("all at once", 1, all_at_once),
    Check("one leaves", 1, one_leaves),
)
