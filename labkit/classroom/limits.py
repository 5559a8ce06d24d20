"""What a classroom lets in: numbers only, each with its unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a Classroom. Whoever goes past one is answered with an error, or closed.

    `connections` in all and `connections_each` from one address, `students` who have joined; `body` bytes of
    a request, `head` bytes of its head; `requests` a student may make in `window` seconds, `unknown` those of
    an address without a student, `wrong` codes that an address may try; `name` characters of a name, `word`
    characters of what is sent; `head_s` seconds in which a request must have come whole, `idle_s` seconds
    that an open connection may stay silent (a stream of news is not idle); `unsent` bytes that may wait for a
    phone that does not read, before it is dropped.
    """

    connections: int = 1_000
    connections_each: int = 1_000  # a school's network may show one address for all of a class
    students: int = 500
    head: int = 8_192
    body: int = 4_096
    requests: int = 60
    unknown: int = 2_000
    wrong: int = 100
    window: float = 10.0
    name: int = 24
    word: int = 80
    head_s: float = 10.0
    idle_s: float = 60.0
    unsent: int = 32 * 2**20

    def __post_init__(self) -> None:
        for field in self.__slots__:
            if getattr(self, field) <= 0:
                raise ValueError(f"{field}={getattr(self, field)!r}: give a number above 0")
