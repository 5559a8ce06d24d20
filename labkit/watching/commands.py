"""`labkit watch app.py`: a flight recorder for a program of one's own."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

SAVED_AT_MOST = 20  # stalls
SAVE_EVERY = 1.0  # seconds, at the least


def add(commands: Any, after: Callable[[Any, argparse.Namespace], None]) -> None:
    """Add the command to a parser's subcommands; `after(flight, options)` tells what was recorded."""
    parser = commands.add_parser("watch", help="run your own asyncio or asyncore program, recorded")
    parser.add_argument(
        "--stall", type=float, default=100.0, metavar="MS", help="what is a stall (%(default)g ms)"
    )
    parser.add_argument(
        "--calls", action="store_true", help="record the calls on sockets, too (it costs more)"
    )
    parser.add_argument(
        "--save", type=Path, metavar="DIR", help="save a tape, a player and a report of each stall"
    )
    parser.add_argument("--perfetto", type=Path, metavar="FILE", help="a trace for ui.perfetto.dev")
    parser.add_argument("--json", type=Path, metavar="FILE", help="what is told at the end, for programs")
    parser.add_argument("-m", dest="module", action="store_true", help="PROGRAM is the name of a module")
    parser.add_argument("program", metavar="PROGRAM", help="a script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="…", help="its own arguments")
    parser.set_defaults(run=lambda options: fly(options, after))


def fly(options: argparse.Namespace, after: Callable[[Any, argparse.Namespace], None]) -> int:
    """Run the program, tell what was recorded, and end as the program did."""
    from labkit.watching.flight import write_perfetto
    from labkit.watching.program import Flight, end, run

    if options.stall < 1:
        raise ValueError(f"--stall {options.stall:g}: give milliseconds, 1 or more")
    if not options.module and not Path(options.program).is_file():
        raise ValueError(f"there is no program {options.program}; for a module: labkit watch -m NAME")
    _leave_streams_alone()
    saver = _Saver(options.save) if options.save is not None else None
    keep = saver.keep if saver is not None else _nothing
    flight = Flight(round(options.stall * 1e6), calls=options.calls, caught=keep)
    status = run(flight, options.program, options.arguments, module=options.module)
    if flight.is_here:
        after(flight, options)
        if options.perfetto is not None:
            write_perfetto(flight, options.perfetto)
    return end(status)


def _nothing(*_: Any) -> None:
    """No stall is saved."""


def _leave_streams_alone() -> None:
    """The program's own output is encoded as it would be without us."""
    for stream, errors in ((sys.stdout, "strict"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


class _Saver:
    """Writes what led to a stall: the loop's tape and a report; at most one a second, and a few in all."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.saved, self.last = folder, 0, float("-inf")

    def keep(self, watched: Any, stall: Any) -> None:
        now = time.monotonic()
        if self.saved >= SAVED_AT_MOST or now - self.last < SAVE_EVERY:
            return
        self.saved, self.last = self.saved + 1, now
        path = self.folder / f"stall-{self.saved:02}"
        path.with_suffix(".json").write_text(json.dumps(asdict(stall), indent=1) + "\n")
        if len(watched.tape):
            watched.tape.save(path.with_suffix(".jsonl"))
