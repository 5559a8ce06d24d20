"""`labkit diagnose` and `labkit diff`: saved tapes, judged in a terminal."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit.diagnosis.rules import diagnose
from labkit.tape.tape import Tape


def add(commands: Any) -> None:
    """Add them to the subparsers of `labkit`."""
    diagnose_ = commands.add_parser("diagnose", help="what is wrong with the loop on a saved tape")
    diagnose_.add_argument("file", type=Path, help="what tape.save() wrote")
    diagnose_.add_argument("--json", action="store_true", help="the findings as a JSON list")
    diagnose_.set_defaults(run=tell)

    diff_ = commands.add_parser("diff", help="the first iteration in which two saved tapes differ")
    diff_.add_argument("file", type=Path, metavar="A", help="what tape.save() wrote: “mine”")
    diff_.add_argument("other", type=Path, metavar="B", help="the same: “yours”")
    diff_.set_defaults(run=compare)


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


def compare(options: argparse.Namespace) -> int:
    """Print where two tapes part."""
    parts = Tape.load(options.file).diff(Tape.load(options.other))
    print(parts if parts is not None else "The tapes do not differ: they ask, are told and do the same.")
    return 0
