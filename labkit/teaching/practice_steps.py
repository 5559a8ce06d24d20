"""The steps of lesson 11: each begins with the reader's own last one, or with the reference if they ask.

    start("build-4-buffers")                        # the statement; Loop3 is there if it was passed once
    start("build-4-buffers", from_reference=True)   # in a checkout: Loop3 is the reference solution's

A step that was passed is kept as text in the reader's progress, with all that it stands on. The references
are in the checkout's tests, a step each, and in no wheel. A file or text with one step alone is judged on top
of the reader's own last one, and where there is none, of the reference. It knows no step.
"""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from typing import Any

from labkit.teaching import progress
from labkit.teaching.practice_form import Exercise, every, load
from labkit.teaching.practice_source import Unusable, bound, parsed

REFERENCES = Path(__file__).resolve().parents[2] / "tests" / "answers"


class Started:
    """A step's statement, and what the reader has to begin with."""

    def __init__(self, exercise: Exercise, begins: str) -> None:
        self.exercise, self.begins = exercise, begins

    def _repr_markdown_(self) -> str:
        head = f"**{self.exercise.title}** ({self.exercise.points} points)"
        return f"{head}\n\n{self.exercise.statement}\n\n{self.begins}"

    def __repr__(self) -> str:
        return self._repr_markdown_().replace("**", "")


def start(name: str, *, from_reference: bool = False) -> Started:
    """Show a step's statement, and see to it that the class that it begins with is there.

    That class is the notebook's own, else the one that was last passed. With `from_reference` it is the
    reference solution's, whatever the notebook has. A name may be cut short: "build-4".

    Raises LookupError for a step that is not there, and for a reference where there is none.
    """
    exercise = step(name)
    if not exercise.after:
        return Started(exercise, "You begin with nothing but Python.")
    before, space = load(exercise.after), vars(sys.modules["__main__"])
    if from_reference:
        _define(reference(before.name), f"<reference: {before.name}>", space)
        return Started(exercise, f"You begin with the reference's `{before.answer}`.")
    if before.answer in space:
        return Started(exercise, f"You begin with your own `{before.answer}`, from this notebook.")
    if text := own(before.name):
        _define(text, f"<passed: {before.name}>", space)
        return Started(exercise, f"You begin with your own `{before.answer}`, as you last passed it.")
    return Started(exercise, f"It {_missing(before)}")


def step(name: str) -> Exercise:
    """The step of this name, or whose name begins so; LookupError says which there are."""
    steps = [each for each in every() if each.kind == "step"]
    found = [each for each in steps if each.name == name or each.name.startswith(f"{name}-")]
    if len(found) == 1:
        return found[0]
    raise LookupError(f"there is no step {name!r}; there are {', '.join(each.name for each in steps)}")


def own(name: str) -> str:
    """The reader's own text of a step, as it was last passed; "" if it never was."""
    kept = progress.read().get("step", {}).get(name, {}).get("text", ())
    return "\n".join(map(str, kept))


def reference(name: str) -> str:
    """The reference solutions up to a step, in one text; LookupError where there are none, as in a wheel."""
    path = REFERENCES / name / "solution.py"
    if not path.is_file():
        raise LookupError(
            f"there is no reference solution of {name} here: it is in a checkout's tests/answers"
        )
    return _under(load(name), path.read_text(encoding="utf-8"), from_reference=True)


def beginning(exercise: Exercise, from_reference: bool = False) -> str:
    """The text of a file in which an answer is begun: of a step, what it stands on, and then its stub."""
    return _under(exercise, exercise.stub, from_reference)


def whole(exercise: Exercise, answer: Any, from_reference: bool = False) -> Any:
    """An answer as it is judged: a step whose file or text holds it alone gets in front what it stands on.

    That is what the reader last passed, else the reference. Anything else is returned as it is. Raises
    Unusable if neither is there, LookupError as start().
    """
    if not exercise.after or not isinstance(answer, Path | str):
        return answer
    try:
        is_file = isinstance(answer, Path) or "\n" not in answer
        text = Path(answer).read_text(encoding="utf-8") if is_file else str(answer)
        if bound(parsed(text)) & {load(exercise.after).answer}:
            return answer
    except (OSError, ValueError, SyntaxError):
        return answer  # whoever judges it says what is wrong with it
    if not own(exercise.after) and not REFERENCES.is_dir():
        raise Unusable(f"{exercise.title} {_missing(load(exercise.after))}")
    return _under(exercise, text, from_reference or not own(exercise.after))


def _under(exercise: Exercise, text: str, from_reference: bool) -> str:
    """A step's text under that of the one that it begins with, as far as that is known."""
    if not exercise.after:
        return text
    above = reference(exercise.after) if from_reference else own(exercise.after)
    return f"{above.rstrip()}\n\n\n{text}" if above else text


def _missing(before: Exercise) -> str:
    return f"begins with your `{before.answer}`, which is not there: solve {before.name}."


def _define(text: str, file: str, space: dict[str, Any]) -> None:
    """Run a text in the notebook, where check() can find it again."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), space)
