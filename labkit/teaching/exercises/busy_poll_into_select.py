"""From a busy poll to select: the same server, asleep while nothing happens."""

from typing import Any

from labkit.teaching.practice_bench import WAITS
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import Served

TITLE, LESSON, ANSWER, ORDER = "From a busy poll to select", "02", "serve", 1

STATEMENT = """
`serve(listener, selector)` below is an echo server. It works, and it uses a whole processor: it asks
each socket all the time. Rewrite it with `selector`, one of Python's `selectors`, so that it sleeps in
`selector.select()` until something happens. It runs in one thread and never returns. `listener` is
non-blocking; it is yours to accept from.

**Judged:** it echoes to several peers; it sleeps in the selector, and nowhere else; it sleeps also after
a peer has left, and goes on for the others.
"""

STUB = """
def serve(listener, selector):
    socks = []
    while True:
        try:
            sock, addr = listener.accept()
            sock.setblocking(False)
            socks.append(sock)
        except BlockingIOError:
            pass
        for sock in list(socks):
            try:
                data = sock.recv(4096)
            except BlockingIOError:
                continue
            if data:
                sock.send(data)
            else:
                socks.remove(sock)
                sock.close()
"""

HINTS = (
    "Which sockets could wake you? The listener is one of them.",
    "selector.register(sock, selectors.EVENT_READ) for the listener, and for every socket that "
    "you accept. selector.select() returns (key, events) pairs; key.fileobj is the socket.",
    'On b"": selector.unregister(sock), and then sock.close(). In the other order the selector '
    "keeps an fd that is none any more.",
)

EXPLANATION = """
The calls on the sockets are the same as before. What is new is one question in front of them, asked
about all sockets at once, in which the kernel lets you sleep. The end of a connection counts as
*readable*, for ever: if you do not unregister and close, `select` returns at once each time, and you are
back at a busy poll.
"""


def host(answer: Any, **options: Any) -> Served:
    return Served(answer, **options)


def _echo(stage: Any, bench: Any, peer: Any) -> None:
    data = bench.text(bench.rng.randrange(5, 300))
    stage.send(peer, data)
    got = stage.take(peer, len(data))
    expect(
        got == data,
        f"{peer.name} gets back what they sent.",
        f"{len(got)} bytes came of {len(data)}.",
        stage.last,
    )


def echoes(bench: Any) -> None:
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    stage.quiet()
    for peer in (bob, alice, bob):
        _echo(stage, bench, peer)
    stage.quiet()


def sleeps(bench: Any) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    _asleep(stage, "Nothing happens, and the server sleeps in its selector.")
    _echo(stage, bench, alice)
    _asleep(stage, "alice has her echo, and the server sleeps in its selector again.")


def a_peer_leaves(bench: Any) -> None:
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    stage.quiet()
    _echo(stage, bench, alice)
    alice.shutdown()
    _asleep(stage, "alice has left, and the server sleeps again.")
    _echo(stage, bench, bob)
    stage.take(alice, 1)
    expect(alice.eof, "alice's connection is closed on this side, too.", "It never was.", stage.last)


def _asleep(stage: Any, expected: str) -> None:
    quiet = stage.quiet()
    expect(quiet and not stage.error, expected, "It never sleeps.", stage.last if stage.turns else None)
    expect(stage.asleep_in in WAITS, expected, f"It sleeps in {stage.asleep_in or 'no call'}.", None)


CHECKS = (Check("echoes", 1, echoes), Check("sleeps", 2, sleeps), Check("a peer leaves", 1, a_peer_leaves))
