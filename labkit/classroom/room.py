"""The live class: a lab's own loop serves the students' phones, and each of them is an fd in its figure.

    room = Room(lab)
    room.ask("What does recv return?", ["b''", "EAGAIN", "it sleeps"])

What the class sends passes through the loop that it is taught about. It knows labs, and no widget.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from labkit.classroom import brisk, voting
from labkit.classroom.limits import Limits
from labkit.classroom.roll import Roll, Student
from labkit.classroom.service import Service
from labkit.classroom.votes import Ballot
from labkit.lab.lab import Lab
from labkit.loop import Channel, Listener
from labkit.tape.iteration import Iteration
from labkit.teaching.predict import Guess

LOOPBACK = "127.0.0.1"
SWEEP_EVERY = 1.0  # seconds between two looks for connections that are overdue
ORDERS_WITHIN = 0.02  # seconds of a turn
LINE = 16_384  # bytes of one line that fills a phone's buffers


class Door(Listener):
    """Where phones come in."""

    name = "class"


class Desk(Channel):
    """The teacher's own fd on the loop: orders of another thread are carried out in the loop's."""

    name = "desk"

    def __init__(self, loop: Any, sock: socket.socket, addr: Any = None) -> None:
        super().__init__(loop, sock, addr)
        self.orders: deque[Callable[[], object]] = deque()
        self.ring: Callable[[], object] = lambda: None

    def handle_read(self) -> None:
        """Orders for a while; with what is left the loop goes on after everybody else had a turn."""
        self.recv(4_096)
        until = time.monotonic() + ORDERS_WITHIN
        while self.orders and time.monotonic() < until:
            self.orders.popleft()()
        if self.orders:
            self.ring()


class Room:
    """Serves a class over HTTP on the loop of `lab`, until it is closed; the lab stays.

    `host` is the address to listen on: loopback unless you name another, and then everybody who can reach
    it may ask to join. `code` is made up if you give none. Starts the lab's run. Raises OSError if the
    address cannot be had.
    """

    def __init__(
        self, lab: Lab, *, host: str = LOOPBACK, port: int = 0, code: str = "", limits: Limits | None = None
    ) -> None:
        self.lab = lab
        self.limits = limits or Limits()
        self.roll = Roll(self.limits, code)
        self.service = Service(self.roll, self.limits)
        self.changed = self.service.changed
        inside, self._bell = socket.socketpair()
        self._bell.setblocking(False)
        try:
            self._door, self._desk = lab.in_loop(lambda loop: self._open(loop, host, port, inside))
        except BaseException:
            inside.close()
            self._bell.close()
            raise
        self.address: tuple[str, int] = self._door.socket.getsockname()[:2]
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="labkit class", daemon=True)
        self._sweeper.start()
        brisk.begin(self)
        lab.run()

    # ---- the room ------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether everybody was sent home."""
        return self._closed.is_set()

    @property
    def code(self) -> str:
        """What students type to be let in."""
        return self.roll.code

    @property
    def url(self) -> str:
        """The address that students open; where the room listens everywhere, that of this machine."""
        host, port = self.address[:2]
        if host in ("0.0.0.0", "::"):
            host = _own_address()
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    @property
    def loopback_only(self) -> bool:
        """Whether nobody but this machine can reach the room."""
        return self.address[0] in (LOOPBACK, "::1")

    @property
    def warning(self) -> str:
        """Who can reach the room, if that is anybody but this machine; else nothing."""
        if self.loopback_only:
            return ""
        return (
            f"EVERYBODY WHO CAN REACH {self.address[0]} PORT {self.address[1]} CAN OPEN THIS ROOM'S PAGE. "
            "The code lets them in. Close the room when the class is over."
        )

    @property
    def students(self) -> list[Student]:
        """Those who have joined and not left."""
        return list(self.roll.students.values())

    @property
    def listening(self) -> int:
        """How many phones hear the news now."""
        return sum(1 for each in tuple(self.service.connections) if each.streams)

    # ---- questions -----------------------------------------------------------------------------------

    @property
    def ballots(self) -> list[Ballot]:
        """The questions of this hour, oldest first."""
        return self.service.ballots

    def ask(self, question: Any, choices: Sequence[str] = (), *, expect: Any = None) -> Ballot:
        """Put a question to the class: a text with its choices, or a prediction of a lesson (a Guess).

        An open vote is closed first. Votes are counted as they come, and shown when it is closed. `expect` is
        the choice that you expect to be right, or its index; no phone is told. Of a prediction the lesson
        knows it; one of a number or an order is asked with `choices` of yours. ValueError without choices.
        """
        guess = question if isinstance(question, Guess) else None
        if guess is not None:
            question = guess.question
            choices, expect = choices or voting.choices(guess), voting.expected(guess, expect)
        ballot = Ballot(len(self.ballots) + 1, str(question), tuple(map(str, choices)), prediction=guess)
        if expect is not None:
            ballot.expect = _choice(ballot, expect)
        if self.ballots and self.ballots[-1].open:
            self.close_vote()
        self._now(lambda: self.ballots.append(ballot))
        return ballot

    def close_vote(self) -> Ballot:
        """End the vote that is open; what was counted may be shown now."""
        ballot = self._ballot()
        self._now(lambda: setattr(ballot, "open", False))
        return ballot

    def ask_again(self) -> Ballot:
        """The second vote on the same question, after the class has talked about it."""
        ballot = self._ballot()
        self._now(ballot.again)
        return ballot

    def reveal(self, observed: Any = None) -> Ballot:
        """Say what the experiment showed: one of the choices, or its index. Ends an open vote.

        Of a prediction the run of its lesson says it, and why. RuntimeError if that has not run yet.
        """
        ballot = self._ballot()
        at = _choice(ballot, voting.observed(ballot) if observed is None else observed)
        if ballot.open:
            self.close_vote()
        ballot.answer = at
        self.tell({"kind": "say", "text": f"It was: {ballot.choices[at]}. {voting.why(ballot)}".strip()})
        self.changed.set()
        return ballot

    def save(self, path: str | Path, *, names: bool = False) -> Path:
        """Write questions and votes as JSON: anonymous counts, or with `names` who chose what."""
        who = {token: student.name for token, student in self.roll.students.items()} if names else None
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps([each.as_saved(who) for each in self.ballots], indent=2) + "\n")
        os.replace(partial, path)
        return path

    # ---- experiments with the class ------------------------------------------------------------------

    def tell(self, news: dict[str, Any], students: Iterable[str] | None = None) -> None:
        """One line of news to every phone that listens, or to those of the students with these tokens."""
        only = None if students is None else set(students)
        self.do(lambda: self.service.tell(news, only))

    def fill(self, size: int, students: Iterable[str] | None = None) -> None:
        """Send phones `size` bytes that nobody looks at; those who have stopped reading let them lie."""
        only, line = None if students is None else set(students), {"kind": "fill", "with": "." * LINE}
        for _ in range(max(1, size // LINE)):
            self.do(lambda: self.service.tell(line, only))

    def step(self) -> Iteration:
        """One iteration by hand: the lab is paused, stepped, and goes on."""
        self.lab.pause()
        try:
            return self.lab.step()
        finally:
            self.lab.run()

    def do(self, order: Callable[[], object]) -> None:
        """Have `order` done in the loop's thread, in its next iteration. Returns at once."""
        self._desk.orders.append(order)
        self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # full: the loop has not come round to it, and will
            self._bell.send(b"!")

    def close(self) -> None:
        """Send everybody home: connections, listener and thread end, names and tokens go. The lab stays."""
        if self._closed.is_set():
            return
        self._closed.set()
        brisk.end(self)
        self._sweeper.join(5)
        if not self.lab.closed:
            self.lab.in_loop(self._send_home)
        self._bell.close()
        self.roll.students.clear()
        self.changed.set()

    # ---- inside --------------------------------------------------------------------------------------

    def _open(self, loop: Any, host: str, port: int, inside: socket.socket) -> tuple[Listener, Desk]:
        """In the loop's thread: the room's own listener, and the desk."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = loop.recorder.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the room of the hour before
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # phones inherit it (tcp(7))
            try:
                listener.bind((host, port))
            except OSError as error:
                error.add_note(
                    f"host={host!r}, port={port}: name an address of this machine, and a free port"
                )
                raise
            listener.listen(self.limits.connections)
            door = Door(loop, listener, self.service.handler())
        except BaseException:
            listener.close()
            raise
        self.service.renamed = lambda phone: loop.recorder.rename(phone.socket.fileno(), phone.name)
        desk = Desk(loop, inside)
        desk.ring = self._ring
        return door, desk

    def _send_home(self, loop: Any) -> None:
        """In the loop's thread: close whatever is ours."""
        for each in (self._door, self._desk, *self.service.connections):
            each.abort()

    def _ballot(self) -> Ballot:
        if not self.ballots:
            raise RuntimeError("nothing has been asked yet: room.ask(question, choices)")
        return self.ballots[-1]

    def _now(self, change: Callable[[], object]) -> None:
        """Change the ballot in the loop's thread, where votes are taken, and tell the phones; wait for it."""
        if self._closed.is_set():
            raise RuntimeError("this room is closed; make another")
        done = threading.Event()

        def order() -> None:
            change()
            self.service.tell(self.ballots[-1].for_students())
            done.set()

        if not self.lab.running:
            self.lab.run()
        self.do(order)
        if not done.wait(10):
            raise TimeoutError("the loop has not answered for 10 s: a handler is at work. Ask again after it")
        self.changed.set()

    def _sweep(self) -> None:
        while not self._closed.wait(SWEEP_EVERY):
            if self.lab.closed:
                return
            if not self._desk.orders:  # the loop stands: no orders are heaped up
                self.do(self.service.sweep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed.is_set() else f"at {self.url}, code {self.code}"
        return f"<{type(self).__name__} {state}: {len(self.students)} students, {self.listening} listening>"


def _choice(ballot: Ballot, choice: Any) -> int:
    """The index of a choice that is given as its text or its index; ValueError if it is neither."""
    at = ballot.choices.index(str(choice)) if str(choice) in ballot.choices else choice
    if not isinstance(at, int) or not 0 <= at < len(ballot.choices):
        raise ValueError(f"{choice!r} is none of the choices: {', '.join(ballot.choices)}")
    return at


def _own_address() -> str:
    """The address by which the network knows this machine: the one it would send from. Sends nothing."""
    with socket.socket(type=socket.SOCK_DGRAM) as asking, contextlib.suppress(OSError):
        asking.connect(("192.0.2.1", 9))  # kept for documents (RFC 5737): a connect of UDP sends no packet
        return str(asking.getsockname()[0])
    return socket.gethostname()
