"""hunt(): a broken server, met by its figure and a symptom; then named, pointed at, and mended.

    case = hunt(1)           # a scenario on real sockets, with names and sizes drawn anew; the figure
    case.name("b")           # which bug is it?           case.name() shows the choices
    case.line(7)             # which line is it?          case.line() shows the source
    case.mend(MyServer)      # a class of your own, judged as an exercise is

A case holds a number, a seed and a tape. What its bug is stays in the sealed file until it is named.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from labkit.diagnosis import diagnose
from labkit.tape.tape import Tape
from labkit.teaching import practice_form, progress
from labkit.teaching.bugs_sealed import SUFFIX
from labkit.teaching.bugs_signs import SIGNS
from labkit.teaching.practice import judge
from labkit.teaching.practice_bench import Bench
from labkit.teaching.practice_form import Exercise
from labkit.teaching.practice_show import Shown

HERE = Path(__file__).parent / "bugs"
CLASSES = ("Handler", "Session", "Link", "Worker", "Endpoint")


@dataclasses.dataclass(frozen=True, slots=True)
class Bug:
    """A bug as its file states it. `rule` is what diagnose calls it; "": no tape shows it (`why_not`)."""

    exercise: Exercise
    name: str
    distractors: tuple[str, ...]
    lines: tuple[str, ...]  # the lines that are at fault, any of them
    rule: str
    why_not: str
    scene: Callable[[Bench], str]  # drives the server, and returns the symptom


def cases() -> list[int]:
    """The numbers of the cases."""
    return sorted(int(path.stem) for path in HERE.glob(f"*{SUFFIX}"))


def load(number: int) -> Bug:
    """The bug of a case; LookupError says which cases there are."""
    if number not in cases():
        raise LookupError(f"there is no case {number!r}; there are 1 to {len(cases())}")
    path = HERE / f"{number:02}{SUFFIX}"
    exercise, module = practice_form.at(path), practice_form._module(path)
    return Bug(
        exercise,
        module.NAME,
        tuple(module.DISTRACTORS),
        tuple(module.LINES),
        module.RULE,
        getattr(module, "WHY_NOT", ""),
        module.scene,
    )


def hunt(number: int, seed: int | None = None) -> Case:
    """Run the scenario of a case: other names, sizes and places each time, or those of `seed`."""
    return Case(number, random.SystemRandom().randrange(10_000) if seed is None else seed)


class Told:
    """A few sentences that a notebook shows as prose, and a terminal as text."""

    def __init__(self, text: str, code: str = "") -> None:
        self.text, self.code = text, code

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{escape(line)}</p>" for line in self.text.splitlines())
        return lines + (f"<pre>{escape(self.code)}</pre>" if self.code else "")

    def __repr__(self) -> str:
        return f"{self.text}\n\n{self.code}" if self.code else self.text


class Case:
    """A case that is being worked on: `symptom`, `tape`, `figure`, and the three steps."""

    def __init__(self, number: int, seed: int) -> None:
        bug = load(number)
        rng = random.Random(seed)
        self.number, self.seed = number, seed
        self.server = rng.choice(CLASSES)
        self._choices = rng.sample([bug.name, *bug.distractors], 1 + len(bug.distractors))
        self._named = self._found = False
        with Bench(bug.exercise, self.source, self.server, seed) as bench:
            bench.rng.seed(f"{seed} scene")
            self.symptom = bug.scene(bench)
            assert bench.stage is not None
            self.tape: Tape = bench.stage.tape

    @property
    def source(self) -> str:
        """The broken server's source: a good beginning for a mended one."""
        return load(self.number).exercise.stub.replace("Server", self.server)

    @property
    def figure(self) -> Any:
        """The figure of the tape, without the flags of diagnose()."""
        from labkit.figure.live import LiveFigure

        return LiveFigure(self.tape, findings=False)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(Told(str(self)))
        display(self.figure)

    def __str__(self) -> str:
        return f"Case {self.number} (seed {self.seed}): {self.symptom}"

    __repr__ = __str__

    # ---- the three steps -----------------------------------------------------------------------------

    def name(self, choice: Any = "") -> Told:
        """Name the bug: by the letter of a choice, or its words. Without one, the choices."""
        letters = dict(zip("abcdefgh", self._choices, strict=False))
        chosen = letters.get(str(choice).strip().lower(), choice)
        if chosen not in self._choices:
            return Told(
                "Which of these is it? case.name(letter) says.",
                "\n".join(f"{letter}  {text}" for letter, text in letters.items()),
            )
        bug = load(self.number)
        right = chosen == bug.name
        self._named = self._named or right
        progress.note("bug", str(self.number), named=self._named, seed=self.seed)
        if not right:
            return Told(f"Not “{chosen}”. {SIGNS[chosen]} Look again.")
        return Told(f"Yes: {chosen}. {SIGNS[chosen]}\n{self._diagnosed(bug)}\nNext: case.line(…)")

    def _diagnosed(self, bug: Bug) -> str:
        found = next((each for each in diagnose(self.tape) if each.rule == bug.rule), None)
        if found:
            return f"diagnose() says so too: {found.what}"
        return f"diagnose() cannot tell: {bug.why_not or 'on this tape it was over too soon.'}"

    def line(self, number: Any = 0) -> Told:
        """Point at the line that is at fault. Without a number, the source."""
        if not self._named:
            return Told("Name it first, from the figure: case.name(…).")
        lines = self.source.splitlines()
        if not isinstance(number, int) or not 1 <= number <= len(lines):
            code = "\n".join(f"{n:3}  {text}" for n, text in enumerate(lines, 1))
            return Told("Which line is at fault? case.line(number) says.", code)
        bug = load(self.number)
        text = lines[number - 1].strip()
        if text not in bug.lines:
            return Told(f"Line {number}, `{text}`, is not it. {bug.exercise.hints[0]}")
        self._found = True
        progress.note("bug", str(self.number), found=True)
        return Told(f"Yes: line {number}, `{text}`.\n{bug.exercise.statement}\nNext: case.mend(your class)")

    def mend(self, answer: Any = None) -> Any:
        """Judge a mended server: a class of yours (or the path of a file with one)."""
        if not self._found:
            return Told("Name it, and find the line, first: case.name(…), case.line(…).")
        if answer is None:
            return Told("Write the class again, mended, in a cell, and give it to case.mend.", self.source)
        exercise = dataclasses.replace(load(self.number).exercise, answer=self.server)
        verdict = judge(exercise, answer, seed=self.seed)
        progress.note("bug", str(self.number), passed=verdict.passed, score=verdict.score, max=verdict.max)
        return Shown(verdict.exercise, verdict.outcomes, verdict.printed)
