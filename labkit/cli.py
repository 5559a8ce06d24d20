"""`labkit doctor`, `labkit demo` and `labkit replay`: the lab in a terminal, without a browser."""

from __future__ import annotations

import argparse
import codecs
import io
import os
import platform
import shutil
import sys
import webbrowser
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from labkit import __version__, kernel
from labkit.classroom import commands as teaching_a_class
from labkit.classroom import demos
from labkit.course import commands as grading
from labkit.diagnosis import commands as diagnosis
from labkit.lab.scenarios import SCENARIOS
from labkit.record.selectors import available
from labkit.tape import narrate
from labkit.tape.diff import Divergence
from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape
from labkit.teaching import commands as practising
from labkit.watching import commands as flying

PACKAGES = ("jupyterlab", "ipykernel", "ipywidgets", "matplotlib", "numpy", "anywidget")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 1 if the doctor found something missing, 2 for bad input."""
    _write_anything()
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, ValueError, IndexError) as error:
        print(f"labkit: {error}", file=sys.stderr)
        return 2
    return status


PLAIN = {"→": "->", "µ": "u", "…": "...", "–": "-", "−": "-", "×": "x", "≤": "<=", "≥": ">="}


def _write_anything() -> None:
    """Let a terminal that lacks a character get the nearest that it has, or its escape; never an error."""

    def instead(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeEncodeError)
        missing = error.object[error.start : error.end]
        plain = (PLAIN.get(each) or each.encode("unicode_escape").decode("ascii") for each in missing)
        return "".join(plain), error.end

    codecs.register_error("labkit", instead)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="labkit")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("labkit", description="An event loop on real sockets, taken apart.")
    parser.add_argument("--version", action="version", version=f"labkit {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    doctor_ = commands.add_parser("doctor", help="what this machine has, and what will not work here")
    doctor_.set_defaults(run=lambda options: doctor())

    pages = demonstrations()
    demo_ = commands.add_parser("demo", help="tell a short scenario, or show a demonstration in a browser")
    told = f"told iteration by iteration: {', '.join(SCENARIOS)}; a page: {', '.join(pages)}"
    demo_.add_argument("name", nargs="?", default="echo", choices=[*SCENARIOS, *pages], help=told)
    demo_.add_argument("--selector", help=f"of a scenario: {', '.join(available())} (select)")
    _output(demo_)
    demo_.set_defaults(run=lambda options: page(options) if options.name in pages else demo(options))

    replay_ = commands.add_parser("replay", help="tell a saved tape, iteration by iteration")
    replay_.add_argument("file", type=Path, help="what tape.save() wrote")
    _output(replay_)
    replay_.set_defaults(run=replay)

    notebooks_ = commands.add_parser("notebooks", help="copy the lessons to a folder of yours")
    notebooks_.add_argument("folder", type=Path, metavar="DIR", help="a folder that is new or empty of them")
    notebooks_.set_defaults(run=lambda options: notebooks(options.folder))

    flying.add(commands, after=_after_the_flight)
    teaching_a_class.add(commands)
    grading.add(commands)
    practising.add(commands)
    diagnosis.add(commands, draw=_draw_where_they_part)
    return parser


def _after_the_flight(flight: Any, options: argparse.Namespace) -> None:
    """What the rooms that know neither each other nor programs add: findings, and players of saved stalls."""
    from labkit.diagnosis import diagnose
    from labkit.watching.flight import screen, write_json

    findings = {each.name: diagnose(each.tape) for each in flight.loops if len(each.tape)}
    if options.json is None:
        width = min(shutil.get_terminal_size().columns, 100)
        print(screen(flight, findings, width), file=sys.stderr)
    else:
        write_json(flight, findings, options.json)
    for saved in sorted(options.save.glob("stall-*.jsonl")) if options.save is not None else ():
        if not saved.with_suffix(".html").exists():
            from labkit.figure.live import LiveFigure

            LiveFigure(Tape.load(saved)).save(saved.with_suffix(".html"))


def _draw_where_they_part(mine: Tape, yours: Tape, parts: Divergence | None, path: Path) -> None:
    """Both tapes' fd sets and the calls of mine, at the iteration in which they part."""
    from labkit.figure.live import LiveFigure
    from labkit.figure.panels.compared import Compared

    figure = LiveFigure(mine, "fd sets", Compared(mine, yours, "yours"), "calls")
    at = parts.index if parts is not None else None
    figure.show(-1 if at is None else at)
    figure.save(path, at)
    figure.close()


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", type=Path, metavar="FILE", help="the figure: .html is a player, .png, .svg")
    parser.add_argument("--at", type=int, metavar="I", help="the iteration of a .png or .svg (the last)")
    parser.add_argument("--tape", type=Path, metavar="FILE", help="the tape itself, as JSON lines")


def demo(options: argparse.Namespace) -> int:
    """Run a scenario on real sockets, tell it, and save what was asked for."""
    tell(SCENARIOS[options.name](options.selector or "select"), options)
    return 0


def page(options: argparse.Namespace) -> int:
    """Run a demonstration, and open its page in a browser; with --save it is written, and not opened."""
    if options.selector or options.tape or options.at is not None:
        raise ValueError(f"{options.name} is a page: of the options it takes --save FILE.html only")
    if options.save and options.save.suffix != ".html":
        raise ValueError(f"{options.save}: a demonstration is saved as .html")
    made = demos.page(demos.read(lessons() / "demos" / f"{options.name}.ipynb"))
    file: Path = options.save or demos.kept(options.name)
    file.write_text(made, encoding="utf-8")
    print(f"page: {file}")
    if not options.save and not webbrowser.open(file.absolute().as_uri()):
        print("No browser was found here: open that file in one.", file=sys.stderr)
    return 0


def replay(options: argparse.Namespace) -> int:
    """Tell a saved tape."""
    tell(Tape.load(options.file), options)
    return 0


def tell(tape: Tape, options: argparse.Namespace) -> None:
    """Print every iteration in words, then save the figure and the tape as the options say."""
    if tape.dropped:
        print(f"(the tape's ring has let go of the first {tape.dropped:,} iterations)\n")
    for turn in tape:
        print(turn.explain(), end="\n\n")
    print(totals(tape))
    if options.tape:
        print(f"tape: {tape.save(options.tape)}")
    if options.save:
        from labkit.figure.live import LiveFigure

        LiveFigure(tape).save(options.save, options.at)
        print(f"figure: {options.save}")


def notebooks(folder: Path) -> int:
    """Copy the lessons to `folder`, and nothing if one of them is there already."""
    files = sorted(path for path in lessons().iterdir() if path.suffix in (".ipynb", ".png", ".svg"))
    there = [path.name for path in files if (folder / path.name).exists()]
    if there:
        raise FileExistsError(
            f"{folder} has {there[0]} already: name a new folder, and nothing of yours is lost"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copyfile(path, folder / path.name)
    print(f"{folder}: {len(files)} files. To open the first: jupyter lab {folder / '00-start-here.ipynb'}")
    return 0


def lessons() -> Path:
    """The folder of the lessons: beside the package in a checkout, inside of it when it was installed."""
    package = Path(__file__).parent
    for folder in (package.parent / "notebooks", package / "notebooks"):
        if (folder / "00-start-here.ipynb").exists():
            return folder
    raise FileNotFoundError("no lessons here: install event-loop-lab from its wheel, or use a checkout")


def demonstrations() -> list[str]:
    """The names of the demonstrations; none where there are no lessons."""
    try:
        return demos.names(lessons())
    except FileNotFoundError:
        return []


def totals(tape: Tape) -> str:
    """One line: how many iterations, calls and bytes, and whether every byte is accounted for."""
    turns: list[Iteration] = list(tape)
    calls = [call for turn in turns for call in turn.calls]
    moved = sum(call.result or 0 for call in calls if call.name in ("recv", "send"))
    checked = []
    for before, turn in zip([None, *turns], turns, strict=False):
        for fd, account in turn.accounts.items():
            counted_anew = before is None or before.accounts.get(fd) != account
            verdict = turn.balance(fd) if counted_anew else None
            checked += [] if verdict is None else [verdict]
    law = f"the byte account was checked {len(checked):,} times" if checked else "no byte account was taken"
    if checked:
        law += ", and balanced each time" if all(checked) else f"; it FAILED {checked.count(False):,} times"
    return (
        f"{narrate.plural(len(turns), 'iteration')}, {narrate.plural(len(calls), 'call')}, "
        f"{moved:,} bytes moved; {law}."
    )


def doctor() -> int:
    """Print one screen about this machine; returns 1 if something that the lab needs is missing."""
    rows = list(_examine())
    width = max(len(name) for name, _, _ in rows)
    for name, found, trouble in rows:
        print(f"{'!' if trouble else ' '} {name:<{width}}  {found}")
        if trouble:
            print(f"  {'':<{width}}  → {trouble}")
    return 1 if any(trouble.startswith("missing") for _, _, trouble in rows) else 0


def _examine() -> Iterator[tuple[str, str, str]]:
    """(what, what was found, what will not work because of it) for each thing the lab rests on."""
    python = platform.python_version()
    yield "Python", f"{python} ({sys.executable})", "" if sys.version_info >= (3, 11) else "missing: 3.11"
    yield "labkit", __version__, ""
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}", _system_trouble()
    yield "selectors", ", ".join(available()), ""
    soft, hard = kernel.fd_limit()
    few = "lessons that open thousands of connections stop early; raise it: ulimit -n 20000"
    yield "fd limit", f"{soft:,} (at most {hard:,})", few if 0 <= soft < 4096 else ""
    proc = os.access("/proc/self/task", os.R_OK)
    yield "/proc", "readable" if proc else "not there", "" if proc else "no sleeping thread's call is named"
    for package in PACKAGES:
        try:
            yield package, metadata.version(package), ""
        except metadata.PackageNotFoundError:
            yield package, "not installed", f"missing: the notebooks need it; pip install {package}"
    yield "asyncore", *_asyncore()
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
    yield "Chromium", browser or "not found", "" if browser else "the browser tests bring one, or are skipped"


def _system_trouble() -> str:
    if kernel.LINUX:
        return ""
    if sys.platform == "darwin":
        return "written from Apple's documents, not run: queue sizes include unacknowledged bytes; no /proc"
    return "not run here: some of what the kernel says may be missing, and is shown as unknown"


def _asyncore() -> tuple[str, str]:
    if sys.version_info < (3, 12):
        return "in the standard library", ""
    try:
        return f"pyasyncore {metadata.version('pyasyncore')}", ""
    except metadata.PackageNotFoundError:
        return "not installed", "missing: lessons 05 and 06 need it; pip install pyasyncore"


if __name__ == "__main__":
    raise SystemExit(main())
