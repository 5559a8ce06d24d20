"""EMFILE spin: accept fails, and the listener stays readable."""

from typing import Any

from labkit.loop import Channel
from labkit.teaching.bugs_scene import CAST
from labkit.teaching.practice_form import Check, expect
from labkit.teaching.practice_stages import with_listener

TITLE, LESSON, ANSWER = "A full house", "10", "Server"
NAME, RULE = "no fd left", "emfile-spin"
DISTRACTORS = ("always writable", "ignored EOF", "greedy peer")
LINES = ("except OSError:", "pass", "super().handle_read()")
STATEMENT = """
The newcomer stays in the backlog, and the listener readable. Mend the class, a Listener: when no fd is
left, a newcomer is let in for a moment and closed. Keep an fd in reserve for that.
"""

STUB = r"""
from labkit import Listener


class Server(Listener):
    def handle_read(self):
        try:
            super().handle_read()
        except OSError:
            pass
"""

HINTS = (
    "What is still true of the listener when this method returns?",
    "The newcomer leaves the backlog only by being accepted, and that takes an fd.",
    (
        "Keep os.open('/dev/null', os.O_RDONLY) in reserve; on EMFILE close it, accept, close what "
        "came, open it again."
    ),
)

EXPLANATION = """
EMFILE cannot be read away: what causes the event stays where it is. Either take the newcomer with a
reserve fd and close it, or stop asking about the listener until somebody has left.
"""


def host(answer: Any, **options: Any) -> Any:
    class Echo(Channel):
        def handle_read(self) -> None:
            self.write(self.recv(1024))

    return with_listener(answer, Echo, pause_on_emfile=False, **options)


def _full(bench: Any, room: int) -> tuple[Any, list[str]]:
    """A server with room for so many connections (the fd more is a reserve), and names of some more."""
    bench.tolerated = "Errno 24"
    stage, names = bench.open(room=room), bench.rng.sample(CAST, room + 2)
    for name in names[:room]:
        stage.connect(name)
        stage.step()
    return stage, names


def scene(bench: Any) -> str:
    room = bench.rng.randrange(2, 5)
    stage, names = _full(bench, room)
    stage.connect(names[-1])
    stage.step(bench.rng.randrange(8, 12))
    return f"{names[-1]} has come, and hears nothing. The others are served, by a processor at full load."


def rests(bench: Any) -> None:
    room = bench.rng.randrange(2, 4)
    stage, names = _full(bench, room)
    late = [stage.connect(name) for name in names[room:]]
    expect(stage.quiet(20), "The loop comes to rest.", "It does not.", stage.last)
    for peer in late:
        stage.take(peer, 1)
        expect(peer.eof, f"{peer.name} is told that there is no room.", "They wait for ever.", stage.last)
    first = stage.peers[names[0]]
    stage.send(first, b"hello")
    stage.quiet(20)
    expect(stage.take(first, 5) == b"hello", "Those who are in are served.", "They are not.", stage.last)


CHECKS = (Check("comes to rest", 3, rests),)
