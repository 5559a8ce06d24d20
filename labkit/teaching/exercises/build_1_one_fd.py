"""Step 1: a loop for one fd. It sleeps until that is readable, and calls its callback."""

import os
import socket
from typing import Any

from labkit.teaching.exercises import _build
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import Served

TITLE, LESSON, ANSWER, ORDER, AFTER = "Step 1: one fd", "11", "Loop1", 1, ""

STATEMENT = """
A loop for one socket. `Loop1(selector)` is given one of Python's `selectors`.

- `add_reader(self, sock, callback)`: from now on the loop asks whether `sock` is readable.
- `run_once(self)`: one turn. It waits, without end, until the selector reports something, calls
  `callback()`, and returns.

The program around it calls `run_once` again and again, and echoes what its callback has received.

**Judged:** it sleeps in the selector, and nowhere else, until bytes come; each turn is one wait without a
timeout; it returns after each turn, so that the program can go on; and the end of the stream is a turn, too.
"""

STUB = """
import selectors

READ = selectors.EVENT_READ

class Loop1:
    def __init__(self, selector):
        self.selector = selector

    def add_reader(self, sock, callback):
        self.callback = callback
        ...                             # which call tells the selector about sock?

    def run_once(self):
        ...                             # wait here
        self.callback()
"""

HINTS = (
    "Two methods of a selector are all you need: one says what to ask about, the other waits.",
    "selector.register(sock, READ) in add_reader. selector.select() waits without end, and returns a list of"
    " what is ready.",
    "run_once: for key, events in self.selector.select(): self.callback()",
)

EXPLANATION = """
That is an event loop. `select()` is the only place where it sleeps; the callback does its work and comes
back. Everything that follows makes it serve more, and adds no second place to sleep.
"""


def host(answer: Any, **options: Any) -> Served:
    def serve(listener: socket.socket, selector: Any) -> None:
        with socket.socket(fileno=os.dup(listener.fileno())) as plain:  # of which nothing is recorded
            plain.setblocking(True)
            sock = served.recorder.sockets.record(plain.accept()[0])
        sock.setblocking(False)
        loop = answer(selector)
        got: list[bytes] = []
        loop.add_reader(sock, lambda: got.append(sock.recv(4096)))

        def turn() -> None:
            loop.run_once()
            if len(got) > 1:
                raise RuntimeError(f"one turn called the callback {len(got)} times")
            if got and got[0]:
                sock.send(got.pop())

        _build.turning(turn, served, going=lambda: not got)
        sock.close()

    served = Served(serve, **options)
    return served


def it_sleeps(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice")
    _build.echoed(stage, bench, alice, "alice is echoed")
    _build.rests(stage, "alice has her echo, and the loop sleeps in its selector again.")


def a_wait_a_turn(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice")
    for _ in range(3):
        _build.echoed(stage, bench, alice, "Each turn ends, and the program can echo")
        _build.rests(stage, "The loop sleeps between two messages.")
    _build.without_end(stage)
    for turn in stage.tape:
        expect(turn.ready, "A turn ends when something is ready.", "In this one nothing was.", turn.index)


def the_end(bench: Any) -> None:
    stage, alice = _build.company(bench, "alice")
    _build.echoed(stage, bench, alice, "alice is echoed before she ends")
    alice.shutdown()
    stage.quiet()
    expect(
        stage.returned,
        "alice ends: her socket is readable, the callback gets its b'', and the program ends.",
        "It did not.",
        stage.last,
    )


CHECKS = (
    Check("it sleeps", 1, it_sleeps),
    Check("a wait a turn", 1, a_wait_a_turn),
    Check("the end", 1, the_end),
)
