"""What became of an answer: an outcome a check, and where the tape shows why.

It reads tapes; it knows nothing of processes, and has words but no page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.diagnosis import Finding, diagnose
from labkit.tape.tape import Tape
from labkit.teaching.practice_form import Exercise


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one check. Empty texts where it was passed; `at` is an iteration of `tape`."""

    check: str
    points: int
    passed: bool
    expected: str = ""
    happened: str = ""
    at: int | None = None
    tape: Tape | None = None

    @property
    def message(self) -> str:
        where = "" if self.at is None else f" (iteration {self.at})"
        return f"{self.expected} {self.happened}{where}"


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """The outcomes of an exercise's checks, in their order. `printed` is what the answer printed."""

    exercise: Exercise
    outcomes: tuple[Outcome, ...]
    printed: str = ""

    @property
    def passed(self) -> bool:
        return all(each.passed for each in self.outcomes)

    @property
    def score(self) -> int:
        return sum(each.points for each in self.outcomes if each.passed)

    @property
    def max(self) -> int:
        return sum(each.points for each in self.outcomes)

    @property
    def failed(self) -> Outcome | None:
        """The first check that was not passed: the one to look at. Those after it may fail for its reason."""
        return next((each for each in self.outcomes if not each.passed), None)

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What is wrong, for programs: the message, the iteration, and what the tape's own diagnosis says."""
        failed = self.failed
        if failed is None:
            return []
        found = {
            "message": f"{failed.expected} {failed.happened}",
            "iteration": failed.at,
            "check": failed.check,
        }
        found |= {"expected": failed.expected, "happened": failed.happened}
        finding = diagnosed(failed)
        if finding is not None:
            found |= {"rule": finding.rule, "cure": finding.cure}
        return [found]

    def as_json(self) -> dict[str, Any]:
        checks = [
            {"name": each.check, "points": each.points, "passed": each.passed} for each in self.outcomes
        ]
        return {
            "exercise": self.exercise.name,
            "passed": self.passed,
            "score": self.score,
            "max": self.max,
            "checks": checks,
            "findings": self.findings,
            "printed": self.printed,
        }

    def __str__(self) -> str:
        return "\n".join(lines(self))

    def __repr__(self) -> str:
        return str(self)  # what a Python prompt shows


def lines(verdict: Verdict) -> list[str]:
    """The verdict line by line: for terminals, logs, and the messages of graded cells."""
    told = [f"{verdict.exercise.title}: {verdict.score} of {verdict.max} points"]
    first = verdict.failed
    for each in verdict.outcomes:
        told.append(
            f"{'✓' if each.passed else '✗'} {each.check}"
            + ("" if each.passed or each is first else ": not yet")
        )
        if each is first:
            told.append(f"    expected: {each.expected}")
            where = "" if each.at is None else f" Look at iteration {each.at}."
            told.append(f"    happened: {each.happened}{where}")
            finding = diagnosed(each)
            told += [f"    what helps: {finding.cure}"] if finding is not None else []
            parting = parted(verdict)
            told += [f"    beside the reference: {parting}"] if parting else []
    if verdict.printed:
        told += ["your code printed:", *("    " + line[:160] for line in verdict.printed.splitlines()[:12])]
    if verdict.passed:
        told += ["", verdict.exercise.explanation]
    return told


def opened(outcome: Outcome) -> Any:
    """The figure of a failed check, opened at its iteration; None without a tape."""
    if outcome.tape is None or not len(outcome.tape):
        return None
    from labkit.figure.live import LiveFigure

    figure = LiveFigure(outcome.tape)
    figure.show(outcome.at if outcome.at is not None else outcome.tape[-1].index)
    return figure


def player(outcome: Outcome, path: Path) -> Path:
    """Save the figure of a failed check: .html plays in a browser, .png and .svg show its iteration."""
    from labkit.figure.live import LiveFigure

    assert outcome.tape is not None
    LiveFigure(outcome.tape).save(path, outcome.at)
    return path


def diagnosed(outcome: Outcome) -> Finding | None:
    """The finding of `diagnose` that names the iteration of a failed check, if there is one."""
    if outcome.tape is None or not len(outcome.tape):
        return None
    found = diagnose(outcome.tape)
    here = [each for each in found if outcome.at is None or each.first <= outcome.at <= each.last]
    return here[0] if here else None


def parted(verdict: Verdict) -> str:
    """Where the failed check's tape first parts from the reference solution's; "" if that is not known."""
    failed = verdict.failed
    if failed is None or failed.tape is None:
        return ""
    number = [each.name for each in verdict.exercise.checks].index(failed.check)
    path = reference(verdict.exercise, number)
    if not path.is_file():
        return ""
    theirs = Tape.load(path)
    if theirs.about.get("stage") != failed.tape.about.get("stage"):
        return ""  # it failed in an earlier part of the check, of which there is no tape
    parting = failed.tape.diff(theirs)
    if parting is None:
        return ""
    told = str(parting).replace("had ended;", "did nothing;")  # a tape may end while its loop sleeps
    return re.sub(r"\byours\b", "the reference", re.sub(r"\bmine\b", "your loop", told))


def reference(exercise: Exercise, number: int) -> Path:
    """Where the reference solution's tape of a check lies: beside the exercise."""
    return exercise.path.parent / "tapes" / f"{exercise.name}-{number}.jsonl"
