"""Say good-bye once: handle_close may come twice, or not at all."""

from typing import Any

from labkit.lab.asyncore_host import hosted
from labkit.lab.asyncore_lab import AsyncoreLab
from labkit.teaching.practice_form import Check, expect

TITLE, LESSON, ANSWER, ORDER = "Say good-bye once", "07", "Member", 3

STATEMENT = """
A chat room must know who is in it. Write a class `Member(asyncore.dispatcher_with_send)`: `Member(sock,
room)` calls `room.enter(self)`, and when the connection ends, for whatever reason, `room.leave(self)` is
called **exactly once** and the socket is closed. Whatever arrives goes to `room.heard(self, data)`.

asyncore ends a connection in many ways: `recv` meets the end and calls `handle_close`, inside your
`handle_read`; `send` finds the peer gone and calls it again; `room.heard` raises, and asyncore calls
`handle_error`.

**Judged:** after each kind of end nobody has left twice, nobody is still in the room, and what arrives
with the end is not heard as a message.
"""

STUB = """
import asyncore

class Member(asyncore.dispatcher_with_send):
    def __init__(self, sock, room):
        super().__init__(sock)
        self.room = room
        room.enter(self)

    def handle_read(self):
        self.room.heard(self, self.recv(1024))

    def handle_close(self):
        self.room.leave(self)
        self.close()
"""

HINTS = (
    "Count how often handle_close is called when recv meets the end and your handler then sends a good-bye.",
    'Remember that you have left. And after self.recv: b"" means that handle_close has run '
    "already; say nothing more.",
    "handle_close: if self.room is not None: room, self.room = self.room, None; room.leave(self);"
    " self.close(). handle_read: data = self.recv(1024); if data: self.room.heard(self, data). "
    "The default handle_error calls handle_close, so it need not be written.",
)

EXPLANATION = """
`recv` and `send` of asyncore call `handle_close` from inside, and then return as if nothing had
happened. So your code goes on with a connection that is closed, sends, and is closed again: three
`handle_close` for one end were counted in lesson 08's server. Clean-up must be *idempotent*: done twice,
it is done once.
"""


class Room:
    """Counts, and answers: `left twice` is what an exercise is about."""

    def __init__(self) -> None:
        self.members: list[Any] = []
        self.entered = self.left = self.empty = 0

    def enter(self, member: Any) -> None:
        self.entered += 1
        self.members.append(member)

    def leave(self, member: Any) -> None:
        self.left += 1
        if member in self.members:
            self.members.remove(member)

    def heard(self, member: Any, data: bytes) -> None:
        if not data:
            self.empty += 1
        if data == b"count":
            member.send(
                b"%d in, %d entered, %d left, %d empty."
                % (len(self.members), self.entered, self.left, self.empty)
            )
        elif data == b"fail":
            raise ValueError("a bad word")
        elif data == b"flood":
            member.send(bytes(300_000))
        else:
            member.send(data)


def host(answer: Any, **options: Any) -> AsyncoreLab:
    room = Room()

    class Quiet(answer):  # type: ignore[misc]
        def log_info(self, *args: Any) -> None:
            pass

    return hosted(lambda sock: Quiet(sock, room), **options)


def _ended(bench: Any, how: str, what: str) -> None:
    bench.tolerated = "a bad word"
    stage = bench.open()
    alice, bob = stage.connect("alice"), stage.connect("bob")
    stage.quiet()
    if how == "end":
        alice.shutdown()
    elif how == "gone":
        alice.send(b"flood")
        stage.step()
        alice.close()
    elif how == "reset":
        alice.reset()
    else:
        alice.send(b"fail")
    stage.quiet(30)
    bob.send(b"count")
    stage.quiet()
    wanted = b"1 in, 2 entered, 1 left, 0 empty."
    got = stage.take(bob, len(wanted))
    expect(
        got == wanted,
        f"{what}: {wanted.decode()}",
        f"The room says: {got.decode() or 'nothing.'}",
        stage.last,
    )
    if how in ("end", "fail"):
        stage.take(alice, 1)
        expect(alice.eof, f"{what}: her connection is closed.", "It is not.", stage.last)


def talking(bench: Any) -> None:
    stage = bench.open()
    alice = stage.connect("alice")
    stage.quiet()
    data = bench.text(9)
    alice.send(data)
    stage.quiet()
    got = stage.take(alice, 9)
    expect(got == data, "What alice says is heard, and echoed.", f"She got {bytes(got)!r}.", stage.last)


def she_ends(bench: Any) -> None:
    _ended(bench, "end", "alice ends")


def she_vanishes(bench: Any) -> None:
    _ended(bench, "reset", "alice resets the connection")
    _ended(bench, "gone", "alice is gone while something is sent to her")


def it_fails(bench: Any) -> None:
    _ended(bench, "fail", "What alice says makes the room raise")


CHECKS = (
    Check("talking", 1, talking),
    Check("she ends", 2, she_ends),
    Check("she vanishes", 1, she_vanishes),
    Check("it fails", 1, it_fails),
)
