"""`labkit diagnose` and `labkit diff`: saved tapes, judged in a terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit.diagnosis.rules import diagnose
from labkit.tape.diff import Divergence
from labkit.tape.tape import Tape

Draw = Callable[[Tape, Tape, Divergence | None, Path], object]


def add(commands: Any, draw: Draw) -> None:
    """Add them to the subparsers of `labkit`; `draw(mine, yours, where they part, file)` saves the figure."""
    diagnose_ = commands.add_parser("diagnose", help="what is wrong with the loop on a saved tape")
    diagnose_.add_argument("file", type=Path, help="what tape.save() wrote")
    diagnose_.add_argument("--json", action="store_true", help="the findings as a JSON list")
    diagnose_.set_defaults(run=tell)

    diff_ = commands.add_parser("diff", help="the first iteration in which two saved tapes differ")
    diff_.add_argument("file", type=Path, metavar="A", help="what tape.save() wrote: “mine”")
    diff_.add_argument("other", type=Path, metavar="B", help="the same: “yours”")
    diff_.add_argument("--save", type=Path, metavar="FILE", help="both, aligned there: .html, .png or .svg")
    diff_.set_defaults(run=lambda options: compare(options, draw))


def tell(options: argparse.Namespace) -> int:
    """Print what is wrong with the loop on a tape."""
    tape = Tape.load(options.file)
    findings = diagnose(tape)
    if options.json:
        print(json.dumps([asdict(each) for each in findings], indent=2, ensure_ascii=False))
    elif findings:
        print("\n\n".join(map(str, findings)))
    else:
        print(f"Nothing is wrong in these {len(tape):,} iterations, as far as the tape tells.")
    return 0


def compare(options: argparse.Namespace, draw: Draw) -> int:
    """Print where two tapes part, and draw it."""
    mine, yours = Tape.load(options.file), Tape.load(options.other)
    parts = mine.diff(yours)
    print(parts if parts is not None else "The tapes do not differ: they ask, are told and do the same.")
    if options.save is not None:
        draw(mine, yours, parts, options.save)
        print(f"figure: {options.save}")
    return 0
