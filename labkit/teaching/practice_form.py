"""What an exercise is: a file with a statement, a stub, checks, hints and an explanation.

    TITLE, LESSON, ANSWER = "Read until EAGAIN", "01", "read_all"   # ANSWER: the name that the reader writes
    STATEMENT, STUB, HINTS, EXPLANATION = "…", "…", ("…", "…", "…"), "…"
    def host(answer, **options): return Lab(answer, **options)      # runs in the answer's own process
    CHECKS = (Check("takes everything", 2, takes_everything), …)    # these judge in the checker's process
    ORDER = 1                                                       # of several in one lesson: by this (50)
    AFTER = "build-1-one-fd"                                        # of a step: the one that it begins with

It knows nothing of processes, terminals or notebooks.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from labkit.teaching.bugs_sealed import loader

HERE = Path(__file__).parent / "exercises"
OWN = "LABKIT_EXERCISES"  # the environment variable that names a folder of an instructor's own exercises
FORM = ("TITLE", "LESSON", "ANSWER", "STATEMENT", "STUB", "HINTS", "EXPLANATION", "CHECKS", "host")


_loading = threading.RLock()


class Failed(AssertionError):
    """A check was not passed: what was expected, what happened, and in which iteration."""

    def __init__(self, expected: str, happened: str, at: int | None = None) -> None:
        super().__init__(f"{expected} {happened}")
        self.expected, self.happened = expected, happened
        self.at = at if at is not None and at >= 0 else None


class Distrusted(Failed):
    """What the tape says is not what the peers, or the kernel, know."""


def expect(truth: object, expected: str, happened: str, at: int | None = None) -> None:
    """Failed unless `truth`; both texts are sentences, `at` the index of the iteration to look at."""
    if not truth:
        raise Failed(expected, happened, at)


class Check(NamedTuple):
    """One thing that is judged: `judge(bench)` drives the answer and raises Failed."""

    name: str
    points: int
    judge: Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Exercise:
    """An exercise as its file states it. `path` is that file."""

    name: str
    path: Path
    title: str
    lesson: str
    answer: str
    statement: str
    stub: str
    hints: tuple[str, ...]
    explanation: str
    checks: tuple[Check, ...]
    host: Callable[..., Any]
    after: str | None = None  # of a step: the one that it begins with, "" for the first

    @property
    def kind(self) -> str:
        """What its progress is kept as: "step" of lesson 11, where each begins with the one before it."""
        return "exercise" if self.after is None else "step"

    @property
    def points(self) -> int:
        return sum(check.points for check in self.checks)


def folders() -> list[Path]:
    """Where exercises are looked for: an instructor's own folder first."""
    own = os.environ.get(OWN)
    return [Path(own).expanduser(), HERE] if own else [HERE]


def names() -> list[str]:
    """The names of all exercises, in the order of the lessons."""
    return [each.name for each in every()]


def every() -> list[Exercise]:
    """All exercises: by lesson, and within a lesson as their files order themselves (ORDER), then by name."""
    found: dict[str, Exercise] = {}
    order: dict[str, tuple[str, int, str]] = {}
    for folder in folders():
        if not folder.is_dir():
            raise ValueError(f"{OWN} names {folder}, which is no folder")
        for path in sorted(folder.glob("[!_]*.py")):
            exercise = at(path)
            if exercise.name not in found:
                found[exercise.name] = exercise
                place = getattr(_module(path), "ORDER", 50)
                order[exercise.name] = (exercise.lesson, place, exercise.name)
    return sorted(found.values(), key=lambda each: order[each.name])


def load(name: str) -> Exercise:
    """The exercise of this name; LookupError says what there is."""
    for folder in folders():
        path = folder / f"{name.replace('-', '_')}.py"
        if path.is_file() and not path.name.startswith("_"):
            return at(path)
    raise LookupError(f"there is no exercise {name!r}; `labkit exercises` lists them: {', '.join(names())}")


def at(path: Path) -> Exercise:
    """The exercise in a file; ValueError says what the file lacks."""
    module = _module(path)
    missing = [each for each in FORM if not hasattr(module, each)]
    if missing:
        raise ValueError(f"{path} is no exercise: it lacks {', '.join(missing)}")
    return Exercise(
        name=path.stem.replace("_", "-"),
        path=path,
        title=module.TITLE,
        lesson=module.LESSON,
        answer=module.ANSWER,
        statement=module.STATEMENT.strip(),
        stub=module.STUB.lstrip("\n"),
        hints=tuple(module.HINTS),
        explanation=module.EXPLANATION.strip(),
        checks=tuple(module.CHECKS),
        host=module.host,
        after=getattr(module, "AFTER", None),
    )


def _module(path: Path) -> ModuleType:
    with _loading:  # another thread must not find one that is half loaded
        return _loaded(path.resolve())


def _loaded(path: Path) -> ModuleType:
    name = f"labkit.teaching.exercises.{path.stem}" if path.parent == HERE else f"labkit_exercise_{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path, loader=loader(path))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
