"""An accept that survives: nobody there, no fd left, a handler that fails, and the door stays open."""

import os
import socket
from typing import Any

from labkit.lab.asyncore_lab import AsyncoreLab
from labkit.teaching.practice_form import Check, Failed, expect

TITLE, LESSON, ANSWER, ORDER = "An accept that survives", "06", "Door", 3

STATEMENT = """
Write a class `Door(asyncore.dispatcher)`, a server that nothing closes. `Door(handler)` listens on port
0 of 127.0.0.1 and calls `handler(sock)` for each connection. Write `__init__(self, handler)`
(`create_socket()`, `bind(…)`, `listen(…)`), `handle_accept(self)`, and what else you need.

Three things go wrong at a door.

- `self.accept()` returns `None` when the one who knocked is gone, or somebody else has let them in.
- `self.accept()` or `handler(sock)` raises. asyncore then calls `self.handle_error()`, whose own version
  **closes the door**.
- A connection whose handler failed must be closed, or its client waits for ever.

**Judged:** each of them happens, and the next client is served.
"""

STUB = """
import asyncore

class Door(asyncore.dispatcher):
    def __init__(self, handler):
        super().__init__()
        self.handler = handler
        self.create_socket()
        self.bind(("127.0.0.1", 0))
        self.listen(64)

    def handle_accept(self):
        sock, addr = self.accept()
        self.handler(sock)
"""

HINTS = (
    "What does asyncore do with an exception that leaves handle_accept?",
    "Write a handle_error(self) of your own that leaves the door open. And look at what accept() "
    "returns before you take it apart.",
    "pair = self.accept(); if pair is None: return; try: self.handler(pair[0]) except Exception: "
    "pair[0].close(). handle_error: pass (or print to a log).",
)

EXPLANATION = """
`dispatcher.handle_error` prints a traceback and calls `handle_close`: right for one connection, fatal
for the one socket that all the others come through. The `None` of `accept` is asyncore's word for EAGAIN
and ECONNABORTED: readiness was a hint. (In this exercise a second listener on the same socket was
quicker, as another process would be.)
"""


def host(
    answer: Any, thief: bool = False, fails: int = 0, room: int | None = None, **options: Any
) -> AsyncoreLab:
    import asyncore

    left = [fails]

    class Echo(asyncore.dispatcher_with_send):
        def __init__(self, sock: Any) -> None:
            if left[0]:
                left[0] -= 1
                raise RuntimeError("no place for this one")
            super().__init__(sock)

        def handle_read(self) -> None:
            data = self.recv(1024)
            if data:
                self.send(data)

    class Thief(asyncore.dispatcher):
        """Takes the first one who knocks, before the door does."""

        def __init__(self, door: Any) -> None:
            super().__init__(socket.socket(fileno=os.dup(door.socket.fileno())))
            self.accepting = True
            self.taken: list[Any] = []

        def handle_accept(self) -> None:
            if not self.taken:
                self.taken.append(self.accept())

    def serve() -> Any:
        door = answer(Echo)
        if thief:
            Thief(door)
            door._map[door._fileno] = door._map.pop(door._fileno)  # it now comes after the thief
        return door

    lab: Any = AsyncoreLab(asyncore, serve, **options)
    if room is not None:
        from labkit import kernel

        taken = kernel.open_fds()
        lab.room = next(n for n in range(4096) if n - sum(fd < n for fd in taken) == room)
    return lab  # type: ignore[no-any-return]


def _steps(stage: Any, n: int, what: str) -> None:
    try:
        stage.step(n)
    except Failed:
        raise Failed(f"{what}, and the door stays open.", "Nothing is left in the map.", stage.last) from None


def _served(bench: Any, stage: Any, name: str, what: str) -> None:
    try:
        peer = stage.connect(name)
    except Failed:
        raise Failed(
            f"{what}, and {name}, who comes next, is served.", "The door is closed.", stage.last
        ) from None
    _steps(stage, 3, what)
    data = bench.text(8)
    stage.send(peer, data)
    _steps(stage, 3, what)
    expect(
        stage.take(peer, 8) == data,
        f"{what}, and {name}, who comes next, is served.",
        "Nobody answers.",
        stage.last,
    )


def everybody(bench: Any) -> None:
    stage = bench.open()
    for name in ("alice", "bob"):
        _served(bench, stage, name, "Nothing is wrong")


def nobody_is_there(bench: Any) -> None:
    stage = bench.open(thief=True)
    stage.connect("alice")
    stage.step(3)
    _served(bench, stage, "bob", "Somebody else let alice in")
    wrong = [(turn.index, text) for turn in stage.tape for _, text in turn.errors]
    expect(not wrong, "Nobody is there, and nothing is raised.", f"{wrong[:1]} was.", stage.last)


def the_handler_fails(bench: Any) -> None:
    bench.tolerated = "no place for this one"
    stage = bench.open(fails=1)
    alice = stage.connect("alice")
    _steps(stage, 3, "alice's handler raises")
    _served(bench, stage, "bob", "alice's handler raises")
    stage.take(alice, 1)
    expect(
        alice.eof, "alice's handler raises, and her connection is closed.", "She waits for ever.", stage.last
    )


def no_fd_is_left(bench: Any) -> None:
    bench.tolerated = "Errno 24"
    stage = bench.open(room=1)
    alice = stage.connect("alice")
    stage.step(2)
    stage.connect("bob")
    _steps(stage, 3, "No fd is left when bob knocks")
    alice.close()
    _steps(stage, 4, "No fd is left when bob knocks")
    data = bench.text(8)
    bob = stage.peers["bob"]
    stage.send(bob, data)
    _steps(stage, 3, "No fd is left when bob knocks")
    what = "No fd is left when bob knocks; then alice leaves, and bob is served."
    expect(stage.take(bob, 8) == data, what, "He is not.", stage.last)


CHECKS = (
    Check("everybody", 1, everybody),
    Check("nobody is there", 1, nobody_is_there),
    Check("the handler fails", 2, the_handler_fails),
    Check("no fd is left", 1, no_fd_is_left),
)
