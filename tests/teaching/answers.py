"""The answers in tests/answers and the mends in tests/bugs, and what each of them says of itself.

A wrong answer begins with a line `# CHECK: words of its message`: the check that catches it, and words that
stand in its message and in that of no other wrong answer to the same exercise. An `also_…` is right, too: a
check that refused it would be too strict.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from labkit.teaching import bugs_hunt
from labkit.teaching.practice import judge
from labkit.teaching.practice_form import Exercise, every, load
from labkit.teaching.practice_steps import whole
from labkit.teaching.practice_verdict import Verdict
from tests.bugs.seal import NUMBERS, PLAIN

ANSWERS = Path(__file__).parents[1] / "answers"


class Answer(NamedTuple):
    exercise: str
    kind: str  # "solution", "stub", "also_…" (right, but another way), "wrong_…"
    path: Path | None  # None: the stub

    def judged(self, seed: int | None = None) -> Verdict:
        bug = NUMBERS.get(self.exercise)
        exercise = load(self.exercise) if bug is None else bugs_hunt.load(bug).exercise
        answer = exercise.stub if self.path is None else self.path
        return judge(exercise, whole(exercise, answer, from_reference=True), seed=seed)

    @property
    def seed(self) -> int:
        """The one for which its words are written: they may name what is drawn."""
        return 3 if self.exercise in NUMBERS else 0

    def expects(self) -> tuple[str, str]:
        """(check, words) that a wrong answer says will catch it."""
        assert self.path is not None
        first = self.path.read_text().splitlines()[0]
        assert first.startswith("# ") and ": " in first, f"{self.path}: begin with `# CHECK: words`"
        name, _, words = first[2:].partition(": ")
        return name, words

    def __str__(self) -> str:
        return f"{self.exercise}-{self.kind}"


def exercises() -> list[Exercise]:
    return every()


def answers() -> list[Answer]:
    """Every solution, stub and wrong answer."""
    found = []
    for exercise in exercises():
        folder = ANSWERS / exercise.name
        found.append(Answer(exercise.name, "stub", None))
        found += [Answer(exercise.name, path.stem, path) for path in sorted(folder.glob("*.py"))]
    return found


def mends() -> list[Answer]:
    """Of every bug: the broken server, the mended one, and those that are mended wrongly."""
    found = []
    for name in NUMBERS:
        found += [Answer(name, "stub", None), Answer(name, "solution", PLAIN / "mended" / f"{name}.py")]
        found += [
            Answer(name, f"wrong_{path.stem}", path) for path in sorted((PLAIN / "wrong" / name).glob("*.py"))
        ]
    return found


def wrong(name: str) -> list[Answer]:
    """The wrong answers to an exercise, or wrong mends of a bug."""
    every = mends() if name in NUMBERS else answers()
    return [each for each in every if each.exercise == name and each.kind.startswith("wrong_")]


def message(verdict: Verdict) -> str:
    """What the verdict says is wrong."""
    assert verdict.failed is not None
    return verdict.failed.message


def hold(answer: Answer, verdict: Verdict, *, words: bool = True) -> None:
    """The solution passes, the stub fails, a wrong answer is caught by its own check with its own message.

    Without `words` the message is not looked at: other seeds draw other numbers.
    """
    if answer.kind == "solution" or answer.kind.startswith("also_"):
        assert verdict.passed, f"{answer} should pass:\n{verdict}"
        return
    assert not verdict.passed, f"{answer} should not pass"
    if answer.kind == "stub":
        return
    name, own = answer.expects()
    assert verdict.failed is not None
    assert verdict.failed.check == name, f"{answer} should be caught by {name!r}:\n{verdict}"
    if not words:
        return
    assert own in message(verdict), f"{answer} should hear {own!r}:\n{verdict}"
    others = [other for other in wrong(answer.exercise) if other.kind != answer.kind]
    heard = [str(other) for other in others if other.expects()[1] in message(verdict)]
    assert not heard, f"{answer} hears the words of {heard}:\n{verdict}"
