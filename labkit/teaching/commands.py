"""`labkit exercises`, `check`, `practice` and `progress`: this room's commands for the terminal."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Register the commands with an argparse subparsers object."""
    listing = commands.add_parser("exercises", help="the exercises, by lesson")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=exercises)

    checking = commands.add_parser("check", help="judge your answer to an exercise")
    checking.add_argument("name", help="the exercise; `labkit exercises` lists them")
    checking.add_argument("file", type=Path, help="a Python file with your answer")
    checking.add_argument("--json", action="store_true", help="for programs")
    checking.add_argument("--seed", type=int, help="another instance of what the checks draw")
    checking.add_argument(
        "--figure", type=Path, metavar="FILE", help="the figure of what failed: .html, .png, .svg"
    )
    _stands_on(checking)
    checking.set_defaults(run=check)

    practising = commands.add_parser(
        "practice", help="solve exercises beside your editor: checks when you save"
    )
    practising.add_argument(
        "name", nargs="?", help="the exercise to begin with (the first that is not solved)"
    )
    practising.add_argument(
        "--folder", type=Path, default=Path("practice"), help="where your files are (practice)"
    )
    _stands_on(practising)
    practising.set_defaults(run=practice)

    kept = commands.add_parser("progress", help="how far you are: predictions, exercises, bugs and steps")
    kept.add_argument("--json", action="store_true", help="all that is kept, for programs")
    kept.add_argument(
        "--reset", nargs="?", const="", metavar="ID", help="forget all, or what begins with ID, such as 02"
    )
    kept.set_defaults(run=progress)


def _stands_on(command: Any) -> None:
    command.add_argument(
        "--from-reference",
        action="store_true",
        help="a step of lesson 11 begins with the reference solution (in a checkout), not with your own",
    )


def exercises(options: argparse.Namespace) -> int:
    """List the exercises."""
    from labkit.teaching.practice_form import every

    found = every()
    if options.json:
        rows = [{"name": e.name, "lesson": e.lesson, "title": e.title, "points": e.points} for e in found]
        print(json.dumps(rows, indent=1))
        return 0
    width = max(len(each.name) for each in found)
    for each in found:
        print(f"{each.lesson}  {each.name:<{width}}  {each.points:>2} points  {each.title}")
    return 0


def check(options: argparse.Namespace) -> int:
    """Judge a file; 0 if it passed, 1 if not, 2 if it is no answer (main prints why)."""
    from labkit.teaching import practice as practising
    from labkit.teaching.practice_form import load
    from labkit.teaching.practice_steps import own, whole
    from labkit.teaching.practice_verdict import player

    try:
        exercise = load(options.name)
        answer = whole(exercise, options.file, options.from_reference)
        if answer is not options.file and exercise.after and not own(exercise.after):
            print(f"labkit: it stands on the reference solution of {exercise.after}", file=sys.stderr)
        verdict = practising.judge(exercise, answer, seed=options.seed)
    except (LookupError, ValueError, OSError) as error:
        why = error.args[0] if isinstance(error, LookupError) and error.args else str(error)
        if options.json:
            print(json.dumps({"passed": False, "score": 0, "max": 0, "findings": [], "error": str(why)}))
        print(f"labkit: {why}", file=sys.stderr)
        return 2
    practising.keep(verdict, answer)
    print(json.dumps(verdict.as_json(), indent=1) if options.json else verdict)
    if options.figure and verdict.failed is not None and verdict.failed.tape is not None:
        print(f"figure: {player(verdict.failed, options.figure)}")
    return 0 if verdict.passed else 1


def practice(options: argparse.Namespace) -> int:
    """Solve exercises in a terminal."""
    from labkit.teaching.practice_terminal import Practice

    return Practice(options.folder, options.name, from_reference=options.from_reference).run()


def progress(options: argparse.Namespace) -> int:
    """Say how far the reader is, or forget it."""
    from labkit.teaching import progress as file
    from labkit.teaching.overview import Overview

    if options.reset is not None:
        print(f"forgotten: {file.reset(options.reset)}")
    elif options.json:
        print(json.dumps(file.read(), indent=1, ensure_ascii=False))
    else:
        print(f"{Overview()!r}\nkept in {file.path()}")
    return 0
