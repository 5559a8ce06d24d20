"""A finding: what is wrong with a loop, in words for somebody who does not know the subject yet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in the iterations `first` to `last` of a tape (their own indices).

    `rule` is its name, such as "eof-spin". `fd` is where it is seen, None for the loop as a whole. `what`
    says what happened, `why` what that comes from and does, with the row of the facts it rests on, `cure`
    what to do.
    """

    rule: str
    fd: int | None
    first: int
    last: int
    what: str
    why: str
    cure: str

    def __str__(self) -> str:
        where = f"iteration {self.first}"
        if self.last != self.first:
            where = f"iterations {self.first} to {self.last}"
        return f"{self.rule}, {where}: {self.what}\n  Why: {self.why}\n  Cure: {self.cure}"
