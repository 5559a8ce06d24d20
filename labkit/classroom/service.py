"""What a phone may ask of the room, one method a path. It runs in the loop's thread, and knows no lab.

Everything that comes in is checked here: token, code, sizes, rates. What is wrong raises Refused.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from labkit.classroom.http import NEWS, PAGE, Connection, Request, Response
from labkit.classroom.limits import Limits
from labkit.classroom.roll import Refused, Roll, Student, printable
from labkit.classroom.votes import Ballot


class Service:
    """The room as phones see it: who is there, what is asked, who hears the news."""

    def __init__(self, roll: Roll, limits: Limits) -> None:
        self.roll, self.limits = roll, limits
        self.ballots: list[Ballot] = []
        self.not_reading: set[str] = set()  # tokens of those who said that they have stopped
        self.arrived: dict[tuple[int, int, str], float] = {}  # (ballot, round, token) → time.monotonic()
        self.connections: set[Connection] = set()
        self.renamed: Callable[[Connection], object] = lambda connection: None
        self.changed = threading.Event()  # something that a teacher sees is new
        self._page = files("labkit.classroom").joinpath("page.html").read_bytes()
        self._paths: dict[tuple[str, str], Callable[[Connection, Request], Response]] = {
            ("GET", "/"): lambda phone, request: Response(body=self._page, kind=PAGE),
            ("GET", "/ping"): lambda phone, request: Response(),
            ("GET", "/news"): self._news,
            ("POST", "/join"): self._join,
            ("POST", "/again"): self._again,
            ("POST", "/vote"): self._vote,
            ("POST", "/send"): self._send,
            ("POST", "/reads"): self._reads,
            ("POST", "/leave"): self._leave,
        }

    def handler(self) -> type[Connection]:
        """The class of this room's connections."""
        service = self

        class Phone(Connection):
            limits, here = service.limits, service.connections

            def answer(self, request: Request) -> Response:
                return service.answer_to(self, request)

        return Phone

    def answer_to(self, phone: Connection, request: Request) -> Response:
        """What `phone` is told. Raises Refused."""
        who, now = request.query.get("token") or _text(request, "token"), time.monotonic()
        if who in self.roll.students:
            self.roll.often(who, now, self.limits.requests)
        else:
            self.roll.often(request.address, now, self.limits.unknown)
        path = self._paths.get((request.method, request.path))
        if path is None:
            raise Refused(404, "there is nothing here")
        return path(phone, request)

    def tell(self, news: dict[str, Any], only: set[str] | None = None) -> None:
        """One line of news to every phone that listens, or to those of the students with these tokens."""
        line = json.dumps(news).encode() + b"\n"
        for phone in tuple(self.connections):
            if phone.streams and (only is None or phone.token in only):
                phone.news(line)

    def sweep(self) -> None:
        """Close what is overdue; forget who has been quiet."""
        now = time.monotonic()
        self.roll.forget_quiet(now)
        for phone in tuple(self.connections):
            if phone.overdue(now):
                phone.abort()

    # ---- one path each -------------------------------------------------------------------------------

    def _news(self, phone: Connection, request: Request) -> Response:
        student = self.roll.known(request.query.get("token", ""))
        for older in tuple(self.connections):  # a phone that has come back: its lost stream ends here
            if older is not phone and older.streams and older.token == student.token:
                older.abort()
        self._belongs(phone, student)
        self.changed.set()
        said = [self.ballots[-1].for_students()] if self.ballots else [{"kind": "nothing"}]
        return Response(
            body=b"".join(json.dumps(each).encode() + b"\n" for each in said), kind=NEWS, stream=True
        )

    def _join(self, phone: Connection, request: Request) -> Response:
        code, name = _text(request, "code"), _text(request, "name")
        ticket = _text(request, "ticket")
        student = self.roll.join(code, name, request.address, time.monotonic(), ticket)
        self._belongs(phone, student)
        self.changed.set()
        return _object({"token": student.token, "name": student.name})

    def _again(self, phone: Connection, request: Request) -> Response:
        student = self._student(phone, request)
        return _object({"name": student.name})

    def _vote(self, phone: Connection, request: Request) -> Response:
        student = self._student(phone, request)
        number, round, choice = (request.fields.get(name) for name in ("number", "round", "choice"))
        if not all(type(each) is int for each in (number, round, choice)):
            raise Refused(400, "a vote has a number, a round and a choice")
        if not self.ballots or number != self.ballots[-1].number:
            raise Refused(409, "this vote is closed")
        if self.ballots[-1].vote(student.token, round, choice):  # type: ignore[arg-type]
            self.arrived[number, round, student.token] = time.monotonic()  # type: ignore[index]
        self.changed.set()
        return _object({"counted": True})

    def _send(self, phone: Connection, request: Request) -> Response:
        student = self._student(phone, request)
        student.words += 1
        phone.read_buffer[:] = printable(_text(request, "word"), self.limits.word).encode()
        self.changed.set()
        return Response()

    def _reads(self, phone: Connection, request: Request) -> Response:
        student = self._student(phone, request)
        (self.not_reading.discard if request.fields.get("reads") is True else self.not_reading.add)(
            student.token
        )
        self.changed.set()
        return Response()

    def _leave(self, phone: Connection, request: Request) -> Response:
        student = self._student(phone, request)
        del self.roll.students[student.token]
        self.not_reading.discard(student.token)
        for each in tuple(self.connections):
            if each.streams and each.token == student.token:
                each.abort()
        self.changed.set()
        return Response()

    def _student(self, phone: Connection, request: Request) -> Student:
        student = self.roll.known(_text(request, "token"))
        self._belongs(phone, student)
        return student

    def _belongs(self, phone: Connection, student: Student) -> None:
        """From now on the figure calls this connection by the student's name."""
        if phone.token != student.token:
            phone.token, phone.name = student.token, student.name
            self.renamed(phone)


def _text(request: Request, name: str) -> str:
    value = request.fields.get(name, "")
    return value if isinstance(value, str) else ""


def _object(fields: dict[str, Any]) -> Response:
    return Response(body=json.dumps(fields).encode(), kind="application/json")
