"""Who is in class: students by token, and how often each of them asks. It knows no socket and no HTTP."""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from collections import deque
from dataclasses import dataclass, field

from labkit.classroom.limits import Limits

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without what is mistaken on a projector: I and 1, O and 0

MARKS = 2  # above or below one letter, as Thai and Hindi write; more is a heap


class Refused(Exception):
    """A student asked for something that is not given; `status` is HTTP's number for it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(slots=True)
class Student:
    """One who has joined: `name` is printable and unique in the room, `token` proves who asks."""

    name: str
    token: str
    words: int = 0  # how many they have sent


@dataclass(slots=True)
class Roll:
    """The students of a room, who joined with its `code`. Raises Refused for everything out of order."""

    limits: Limits
    code: str = ""
    students: dict[str, Student] = field(default_factory=dict)
    _tickets: dict[str, str] = field(default_factory=dict)
    _asked: dict[str, deque[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.code = self.code or "".join(secrets.choice(ALPHABET) for _ in range(5))

    def join(self, code: str, name: str, address: str = "", now: float = 0.0, ticket: str = "") -> Student:
        """A new student; Refused if the code is wrong, was wrong too often, or the room is full.

        Whoever comes twice with one `ticket` is one student: the first answer was lost on the way.
        """
        if not hmac.compare_digest(code.strip().upper().encode(), self.code.upper().encode()):
            self.often(f"{address} wrong", now, self.limits.wrong)
            raise Refused(403, "that is not the code on the wall")
        before = self._tickets.get(ticket[:64])
        if before in self.students:
            return self.students[before]
        if len(self.students) >= self.limits.students:
            raise Refused(503, "the room is full")
        student = Student(
            self._unique(printable(name, self.limits.name) or "guest"), secrets.token_urlsafe(16)
        )
        self.students[student.token] = student
        if ticket:
            self._tickets[ticket[:64]] = student.token
        return student

    def known(self, token: str) -> Student:
        """The student with this token; Refused if nobody has it (the room may have been opened anew)."""
        student = self.students.get(token)
        if student is None:
            raise Refused(401, "join first")
        return student

    def often(self, who: str, now: float, most: int) -> None:
        """Count what `who` does at `now` seconds; Refused if it was more than `most` lately."""
        asked = self._asked.setdefault(who, deque())
        while asked and asked[0] <= now - self.limits.window:
            asked.popleft()
        if len(asked) >= most:
            raise Refused(429, "too many requests; wait a little")
        asked.append(now)

    def forget_quiet(self, now: float) -> None:
        """Drop the counts of those who have not asked lately."""
        for who in [who for who, asked in self._asked.items() if asked[-1] <= now - self.limits.window]:
            del self._asked[who]

    def _unique(self, name: str) -> str:
        taken = {student.name for student in self.students.values()}
        if name not in taken:
            return name
        return next(f"{name} {n}" for n in range(2, len(taken) + 3) if f"{name} {n}" not in taken)


def printable(text: str, most: int) -> str:
    """`text` as one line that any screen can show: no controls, no lone surrogates, no accents in heaps."""
    plain, marks = "", MARKS  # none before the first letter
    for each in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(each)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind in ("Zs", "Zl", "Zp", "Cc"):
            plain, marks = plain + " ", MARKS
        elif kind not in ("Cf", "Cs", "Co", "Cn", "Me") and marks <= MARKS:
            plain += each
    return " ".join(plain.split())[:most].strip()
