"""check(): an exercise, an answer, and a verdict that is read off the answer's tape.

    check("edge-safe-reading", EdgeEcho)          # in a notebook: a class or function that a cell defined
    judge(load("edge-safe-reading"), Path("a.py"))  # the Verdict itself, for terminals and courses

The answer runs in a process of its own (practice_bench). Its tape, and what its peers received, are judged
here.
"""

from __future__ import annotations

import errno
import os
from typing import Any

from labkit.tape.tape import Tape
from labkit.teaching import progress
from labkit.teaching.practice_bench import Bench
from labkit.teaching.practice_form import Check, Distrusted, Exercise, Failed, load
from labkit.teaching.practice_show import NotYet, Shown
from labkit.teaching.practice_source import is_stub, source_of
from labkit.teaching.practice_steps import whole
from labkit.teaching.practice_verdict import Outcome, Verdict


def check(
    name: str, answer: Any, *, only: str | None = None, seed: int | None = None
) -> Verdict | NotYet | None:
    """Judge an answer. In a notebook the verdict is shown; when graded, AssertionError says what is wrong.

    `answer` is the class or function that the exercise asks for, or the path of a file with it. `only` is the
    name of one check (for partial credit, a cell each). `seed` draws another instance. A notebook's stub that
    was not changed yet is not judged.

    Raises LookupError for an exercise or check that is not there, ValueError for what is no answer.
    """
    graded = bool(os.environ.get("NBGRADER_EXECUTION"))
    exercise = load(name)
    if not graded and is_stub(answer, exercise.stub, exercise.answer):  # a lesson is run from top to bottom
        return NotYet(exercise)
    answer = whole(exercise, answer)
    verdict = judge(exercise, answer, only=only, seed=seed)
    if graded:
        if not verdict.passed:
            raise AssertionError(str(verdict)) from None
        return None
    if only is None:
        keep(verdict, answer)
    return Shown(verdict.exercise, verdict.outcomes, verdict.printed)


def judge(exercise: Exercise, answer: Any, *, only: str | None = None, seed: int | None = None) -> Verdict:
    """The verdict on an answer: every check is run, or `only` that one."""
    checks = [each for each in exercise.checks if only in (None, each.name)]
    if not checks:
        there = ", ".join(repr(each.name) for each in exercise.checks)
        raise LookupError(f"{exercise.name} has no check {only!r}; it has {there}")
    source, answer_name = source_of(answer, exercise.answer)
    outcomes = []
    with Bench(exercise, source, answer_name, seed or 0) as bench:
        for each in checks:
            if bench.hung:  # it would go on like this, and each time costs seconds
                told = "Your code comes back.", "It did not come back in an earlier check."
                outcomes.append(Outcome(each.name, each.points, False, *told))
                continue
            outcomes.append(_outcome(each, bench))
            bench.leave()
    return Verdict(exercise, tuple(outcomes), bench.printed)


def _outcome(check: Check, bench: Bench) -> Outcome:
    try:
        bench.tolerated, bench.stages = "\0", 0
        bench.rng.seed(f"{bench.seed} {check.name}")
        check.judge(bench)
        # a check that looks at bytes alone holds the tape against them, too
        passed_with = bench.stage.tape if bench.stage is not None else None
    except (Failed, LookupError, TypeError, ValueError, OSError) as error:
        failed, tape = _failed(error, bench), None
        try:
            tape = bench.stage.tape if bench.stage is not None else None
        except Distrusted as worse:
            failed = worse
        except Failed:
            pass
        happened, at = _raised(bench, tape) or (failed.happened, failed.at)
        return Outcome(check.name, check.points, False, failed.expected, happened, at, tape)
    return Outcome(check.name, check.points, True, tape=passed_with)


def _failed(error: Exception, bench: Bench) -> Failed:
    """What a check has raised, in words for the reader; an OSError that is not the answer's doing goes on."""
    if isinstance(error, Failed):
        return error
    if not isinstance(error, OSError):
        return Failed("Your code can be judged.", f"The check could not follow it: {error!r}.")
    if not isinstance(error, ConnectionError) and error.errno != errno.ENOTCONN:
        raise error
    last = bench.stage.last if bench.stage is not None else None
    return Failed("A connection stays open while its peer still speaks.", "Your end of it was closed.", last)


def _raised(bench: Bench, tape: Tape | None) -> tuple[str, int | None] | None:
    """What the answer raised, and in which iteration: more to the point than what came of it."""
    if bench.stage is not None and bench.stage.error is not None:
        kind, _, why = bench.stage.error.partition(": ")
        told = why if kind == "Ended" else f"Your code raised {bench.stage.error}, which ended its loop."
        return told, bench.stage.last if bench.stage.last >= 0 else None
    for turn in tape or ():
        for fd, text in turn.errors:
            if fd < 0 or bench.tolerated in text:
                continue
            return f"Your code raised {text}, when it handled {turn.name(fd)}.", turn.index
    return None


def keep(verdict: Verdict, answer: Any = None) -> None:
    """Note the verdict in the reader's progress, and the text of a step that was passed."""
    exercise, facts = verdict.exercise, {}
    if exercise.kind == "step" and verdict.passed and answer is not None:
        facts["text"] = source_of(answer, exercise.answer)[0].splitlines()
    progress.note(
        exercise.kind, exercise.name, passed=verdict.passed, score=verdict.score, max=verdict.max, **facts
    )
