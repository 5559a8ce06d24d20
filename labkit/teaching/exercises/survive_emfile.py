"""Survive EMFILE: when there are no fds left, the listener stays readable, and the loop must not spin."""

from typing import Any

from labkit.loop import Channel
from labkit.teaching.practice_form import Check, Failed, expect
from labkit.teaching.practice_stages import with_listener

TITLE, LESSON, ANSWER, ORDER = "Survive EMFILE", "04", "Guarded", 2

STATEMENT = """
A process may have only so many fds open. When it has them all, `accept` raises `OSError` with
`errno.EMFILE`, the client keeps waiting in the backlog, and the listener stays readable: the loop spins.
Write a class `Guarded(Listener)` that survives this. Its `handle_read(self)` accepts from `self.socket`
and makes `self.handler(self.loop, sock, addr)`, as `Listener` does.

When no fd is left, let the newcomer in for a moment and close it, so that it knows. For that you need an
fd in reserve. (`__init__(self, loop, sock, handler)` is called once, while there still are some.)

**Judged:** the loop comes to rest, also the second time; those who are served stay served; newcomers who
find no room are told; as soon as somebody leaves, there is room again.
"""

STUB = """
from labkit import Listener

class Guarded(Listener):
    pass
"""

HINTS = (
    "The newcomer leaves the backlog only by being accepted. How could one accept without a free fd?",
    'Keep an fd in reserve: os.open("/dev/null", os.O_RDONLY). On EMFILE close it, accept, close '
    "what came, and open the reserve again.",
    "try: super().handle_read() except OSError as error: if error.errno != errno.EMFILE: raise; "
    "os.close(self.reserve); sock, _ = self.socket.accept(); sock.close(); self.reserve = "
    'os.open("/dev/null", os.O_RDONLY).',
)

EXPLANATION = """
`EMFILE` is an error that you cannot read away: what causes the event stays where it is. On the reference
machine a loop that ignores it made 19,195 failing accepts in 0.1 s. The reserve fd is an old trick
(libev and nginx's authors describe it); the other cure is to stop asking about the listener until
somebody leaves. asyncio pauses its listener for a second.
"""

PEERS = ("alice", "bob", "carol", "dave", "erin")


def host(answer: Any, **options: Any) -> Any:
    class Echo(Channel):
        def handle_read(self) -> None:
            self.write(self.recv(1024))

    return with_listener(answer, Echo, pause_on_emfile=False, **options)


def _full(bench: Any, newcomers: int) -> Any:
    """A server that has room for two (the third fd is what an answer may keep in reserve), and is full."""
    bench.tolerated = "Errno 24"
    stage = bench.open(room=2)
    for name in PEERS[:2]:
        stage.connect(name)
        stage.step()
    for name in PEERS[2 : 2 + newcomers]:
        stage.connect(name)
    return stage


def _answered(stage: Any, bench: Any, name: str) -> bool:
    peer, data = stage.peers[name], bench.text(9)
    stage.send(peer, data)
    stage.quiet()
    return bool(stage.take(peer, 9) == data)


def comes_to_rest(bench: Any) -> None:
    stage = _full(bench, 1)
    if not stage.quiet(20):
        raise Failed("No fd is left, carol knocks, and the loop comes to rest.", _how(stage), stage.last)
    expect(_answered(stage, bench, "alice"), "alice, who is served, still is.", "She is not.", stage.last)
    carol = stage.peers["carol"]
    stage.take(carol, 1)
    expect(
        carol.eof,
        "carol is told that there is no room: her connection is closed.",
        "She waits for ever.",
        stage.last,
    )


def the_second_time(bench: Any) -> None:
    stage = _full(bench, 2)
    expect(stage.quiet(20), "Two knock, and the loop comes to rest.", "It spins.", stage.last)
    for name in ("carol", "dave"):
        stage.take(stage.peers[name], 1)
        expect(
            stage.peers[name].eof, f"{name} is told that there is no room.", "They wait for ever.", stage.last
        )


def there_is_room_again(bench: Any) -> None:
    stage = _full(bench, 1)
    stage.quiet(20)
    stage.peers["alice"].shutdown()
    stage.quiet(20)
    try:
        stage.connect("erin")
    except Failed:
        raise Failed("alice leaves, and erin can connect.", "Nobody listens any more.", stage.last) from None
    stage.quiet(20)
    expect(
        _answered(stage, bench, "erin"),
        "alice leaves, and erin has her place.",
        "She is not served.",
        stage.last,
    )


def _how(stage: Any) -> str:
    failures = sum(call.errno == 24 for turn in stage.tape for call in turn.calls)
    return f"accept() failed {failures} times, and goes on failing."


CHECKS = (
    Check("comes to rest", 2, comes_to_rest),
    Check("the second time", 1, the_second_time),
    Check("there is room again", 1, there_is_room_again),
)
