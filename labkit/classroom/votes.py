"""Questions and votes: what was asked, who chose what, in which round. It knows no socket and no widget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labkit.classroom.roll import Refused

SPLIT = (0.35, 0.70)  # the share of right votes between which talking to a neighbour teaches most (Mazur)


@dataclass(slots=True)
class Ballot:
    """One question, and the votes on it by round: the second vote comes after the discussion.

    `rounds[-1]` is {token: choice} of the round that is, or was last, open. `answer` is the index of the
    right choice, None until an experiment has shown it; `expect` the one that the teacher expects, which is
    told to nobody and only decides what is advised. `prediction` is the lesson's, if it is one.
    """

    number: int
    question: str
    choices: tuple[str, ...]
    rounds: list[dict[str, int]] = field(default_factory=lambda: [{}])
    open: bool = True
    answer: int | None = None
    expect: int | None = None
    prediction: Any = None  # of a lesson, whose run says what is right

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or len(set(self.choices)) < len(self.choices):
            raise ValueError(f"choices={list(self.choices)}: give at least two, all different")

    def vote(self, token: str, round: int, choice: int) -> bool:
        """Take a vote; a later one of the same student replaces it. True if it was this student's first.

        Refused if the ballot is closed, or the vote is for an earlier round.
        """
        if not self.open or round != len(self.rounds):
            raise Refused(409, "this vote is closed")
        if not 0 <= choice < len(self.choices):
            raise Refused(400, f"choose 0 to {len(self.choices) - 1}")
        first = token not in self.rounds[-1]
        self.rounds[-1][token] = choice
        return first

    def again(self) -> None:
        """Open the next round."""
        self.rounds.append({})
        self.open = True

    def tally(self, round: int = -1) -> list[int]:
        """Votes for each choice."""
        counted = Counter(self.rounds[round].values())
        return [counted[at] for at in range(len(self.choices))]

    def advice(self) -> str:
        """What to do with the last round before anything is explained: talk first, explain more, or go on."""
        votes = self.tally()
        if not any(votes):
            return "Nobody has voted."
        if self.expect is None:
            share = max(votes) / sum(votes)
            if share <= SPLIT[1]:
                return f"No more than {share:.0%} agree. Discuss with a neighbour, then vote again."
            return f"{share:.0%} agree. Run the experiment."
        share = votes[self.expect] / sum(votes)
        if share < SPLIT[0]:
            return f"{share:.0%} are right. Explain a little more, then ask again."
        if share <= SPLIT[1]:
            return f"{share:.0%} are right. Discuss with a neighbour, then vote again."
        return f"{share:.0%} are right. Run the experiment."

    def for_students(self) -> dict[str, Any]:
        """What a phone is told. How the others voted is not part of it."""
        return {
            "kind": "question",
            "number": self.number,
            "round": len(self.rounds),
            "question": self.question,
            "choices": list(self.choices),
            "open": self.open,
        }

    def as_saved(self, names: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The ballot as plain data: counts, and with `names` (by token) who chose what."""
        saved: dict[str, Any] = {
            "question": self.question,
            "choices": list(self.choices),
            "answer": self.answer,
            "rounds": [self.tally(at) for at in range(len(self.rounds))],
        }
        if names is not None:
            saved["votes"] = [{names[who]: choice for who, choice in each.items()} for each in self.rounds]
        return saved
