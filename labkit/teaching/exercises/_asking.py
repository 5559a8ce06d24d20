"""What the three exercises about a wait of one's own have in common: a loop on it, and what it must do."""

from __future__ import annotations

from typing import Any

from labkit.lab.lab import Lab
from labkit.loop import Channel
from labkit.tape.narrate import duration
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import Asking

TASK = """
- `ask(self, fd, events)`: from now on ask about `fd` for `events`: `READ` (1), `WRITE` (2) or both (3);
  0 means: no longer. It is called again whenever that changes, and always with 0 before the fd is
  closed.
- `wait(self, timeout)`: wait until something is ready, at most `timeout` **seconds** (`None`: without
  end). Return a list of `(fd, events)`, each fd once, with `READ`, `WRITE` or both.
"""


def host(answer: Any, **options: Any) -> Lab:
    class Choir(Channel):
        def handle_read(self) -> None:
            self.write(self.recv(1000) * 20)

    return Lab(Choir, selector=Asking(answer()), **options)


def tells_who_is_ready(bench: Any) -> None:
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    stage.quiet()
    data = bench.text(1500)
    bob.send(data)
    stage.quiet()
    got = stage.take(bob, 30_000)
    left = stage.tape[-1].queues[stage.fd("bob")].recv_queue
    expect(
        not left,
        "wait() says READ as long as bytes are there.",
        f"{left} bytes lie there, and it is silent.",
        stage.last,
    )
    expect(len(got) == 30_000, "bob is answered with 30,000 bytes.", f"{len(got):,} came.", stage.last)
    for turn in stage.tape:
        for call in turn.calls:
            expect(
                call.errno != 11,
                "Only what is ready is called.",
                f"{turn.name(call.fd)} was not.",
                turn.index,
            )
    alice.shutdown()
    expect(stage.quiet(), "alice leaves, and the loop comes to rest.", "It does not.", stage.last)
    bob.send(data[:3])
    stage.quiet()
    expect(len(stage.take(bob, 60)) == 60, "bob is still answered.", "He is not.", stage.last)


def tells_who_may_write(bench: Any) -> None:
    stage = bench.open(buffers=4096)
    alice = stage.connect("alice")
    stage.quiet()
    alice.send(bench.text(500))
    stage.quiet()
    stage.take(alice, 5000)  # now there is room to write, and there is something to read
    alice.send(bench.text(400))
    got = bytes(5000) + stage.pump(alice, 13_000)
    expect(
        len(got) == 18_000,
        "The loop asks for WRITE, and is told when there is room: 18,000 bytes arrive.",
        f"{len(got):,} did.",
        stage.last,
    )


def sleeps_as_long_as_it_may(bench: Any) -> None:
    stage = bench.open()
    stage.step(timeout=0.15)
    slept = stage.tape[-1].asleep_ns
    expect(
        slept > 140_000_000,
        "wait(0.15) sleeps 0.15 seconds when nothing happens.",
        f"It came back after {duration(slept)}.",
        stage.last,
    )
    before = stage.turns
    stage.run(0.2)
    turns = stage.turns - before
    expect(
        turns <= 6,
        "wait(None) sleeps until something happens.",
        f"In 0.2 s it came back {turns:,} times.",
        stage.last,
    )


CHECKS = (
    Check("tells who is ready", 2, tells_who_is_ready),
    Check("tells who may write", 1, tells_who_may_write),
    Check("sleeps as long as it may", 1, sleeps_as_long_as_it_may),
)
