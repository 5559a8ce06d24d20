"""The code of one room broken on purpose, one place at a time, by mutmut: does a test notice?

    make proof-mutants ROOM=tape MINUTES=20       # goes on where it ended; the score goes to docs/proof.md
    python -m tests.proof.mutants --show tape     # what changed in each survivor that has no reason yet

Each room has a copy of the checkout in .proof/mutants/ROOM, where mutmut keeps its verdicts. Mutants are
judged in an order that is drawn by a seed, so what is judged in the time given is a sample. A survivor is
judged again in each run, for its test may be there now, until tests/proof/survivors.toml says why it is no
mistake.
"""

from __future__ import annotations

import filecmp
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .written import KEPT, ROOT, minutes, part

REASONS = Path(__file__).with_name("survivors.toml")
KILLED = ("killed", "timeout", "caught by type check", "segfault")
JUDGED = (*KILLED, "survived", "no tests", "suspicious")
BATCH = 60  # mutants that one start of mutmut judges

# The room, and the tests that are asked: quick ones, for each survivor costs all that reach it.
ROOMS = {
    "tape": ("tests/tape", "tests/record", "tests/lab/test_lab.py"),
    "record": ("tests/record", "tests/watching/test_watching.py", "tests/lab/test_lab.py", "tests/tape"),
    "diagnosis": ("tests/diagnosis",),
    "figure": ("tests/figure",),
}
SETTINGS = """
[tool.mutmut]
source_paths = ["labkit"]
only_mutate = ["labkit/{room}/*"]
also_copy = ["notebooks", "benchmarks", "docs", "website", "README.md", "Makefile"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-m", "not browser and not notebook and not slow"]
pytest_add_cli_args_test_selection = {tests}
"""


def main() -> None:
    if sys.argv[1:2] == ["--show"]:
        show(sys.argv[2])
        return
    left = minutes(__doc__)
    room = os.environ.get("ROOM", "tape")
    if room not in ROOMS:
        raise SystemExit(f"ROOM={room}: say one of {', '.join(ROOMS)}")
    folder = copy_of_the_checkout(room)
    judge(folder, room, left)
    part(f"mutants of {room}", told(verdicts(folder)), f"make proof-mutants ROOM={room}")


def copy_of_the_checkout(room: str) -> Path:
    """The files of this checkout in a folder of the room's own: what is the same keeps date and verdicts."""
    folder = KEPT / "mutants" / room
    (folder / "mutants").mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        for copy in (folder / name, folder / "mutants" / name if name.startswith("tests/") else None):
            if copy is not None and (ROOT / name).is_file() and differs(ROOT / name, copy):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, copy)
    for gone in (folder / "labkit").rglob("*.py"):
        if not (ROOT / gone.relative_to(folder)).exists():
            for copy in (gone, folder / "mutants" / gone.relative_to(folder)):
                for each in copy.parent.glob(f"{copy.name}*"):  # and its verdicts
                    each.unlink()
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    settings = SETTINGS.format(room=room, tests=json.dumps(ROOMS[room]))
    (folder / "pyproject.toml").write_text(project + settings, encoding="utf-8")
    return folder


def differs(one: Path, other: Path) -> bool:
    return not other.is_file() or not filecmp.cmp(one, other, shallow=False)


def judge(folder: Path, room: str, left: Callable[[], float]) -> None:
    """Let mutmut judge one batch after the other while there is time."""
    if left() > 0:
        said = mutmut(folder, "run", "no-such-mutant", within=left())  # makes them, and times the tests
        if "nothing matches" not in said:
            raise SystemExit(f"a test fails before anything is broken:\n{said[-3000:]}")
    known = verdicts(folder)
    order = sorted(known)
    random.Random(room).shuffle(order)
    again = [name for name in order if alive(known[name]) and name not in reasons()]
    new = [name for name in order if known[name] not in JUDGED]
    for batch in batches([*again, *new]):
        if left() < 30:
            break
        said = mutmut(folder, "run", "--max-children", str(os.cpu_count()), *batch, within=left())
        if "Mutant results" not in said and left() > 0:  # such as a test that failed on the whole code
            print(said[-1500:].replace("\r", "\n"), flush=True)
        print(told(verdicts(folder)).splitlines()[0], flush=True)


def batches(names: list[str]) -> Iterator[list[str]]:
    return (names[at : at + BATCH] for at in range(0, len(names), BATCH))


def mutmut(folder: Path, *arguments: str, within: float) -> str:
    """What mutmut says; at the end of the time it is interrupted, and keeps what it has judged."""
    busy = subprocess.Popen(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=folder, env=environment(folder), start_new_session=True, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        return busy.communicate(timeout=within)[0]
    except subprocess.TimeoutExpired:
        os.killpg(busy.pid, signal.SIGINT)
        try:
            return busy.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            return ""
    finally:
        if busy.poll() is None:
            os.killpg(busy.pid, signal.SIGKILL)
            busy.communicate()


def environment(folder: Path) -> dict[str, str]:
    """mutmut's copy of the code is the one that children import, too."""
    return {**os.environ, "PYTHONPATH": str(folder / "mutants")}


def verdicts(folder: Path) -> dict[str, str]:
    """{mutant: killed, survived, not checked, …}."""
    said = mutmut(folder, "results", "--all", "true", within=60)
    found = dict(re.findall(r"^ +(\S+): (.+)$", said, re.MULTILINE))
    if not found:
        raise SystemExit(f"mutmut made no mutants in {folder}: run it there by hand\n{said[-2000:]}")
    return found


def alive(verdict: str) -> bool:
    return verdict in JUDGED and verdict not in KILLED


def reasons() -> dict[str, str]:
    """{mutant: why it is no mistake}."""
    return tomllib.loads(REASONS.read_text(encoding="utf-8")) if REASONS.exists() else {}


def told(known: dict[str, str]) -> str:
    """The score, and every survivor: with its reason, or as one that no test notices."""
    judged = [name for name, verdict in known.items() if verdict in JUDGED]
    survivors = sorted(name for name in judged if alive(known[name]))
    killed = len(judged) - len(survivors)
    sampled = "" if len(judged) == len(known) else ", a sample drawn by a seed"
    harmless = {name: why for name, why in reasons().items() if name in survivors}
    lines = [
        f"{len(judged):,} of {len(known):,} mutants judged{sampled}: {killed:,} killed "
        f"({killed / max(1, len(judged)):.1%}), {len(harmless)} survivors that are no mistake, "
        f"{len(survivors) - len(harmless)} that no test notices.",
        "",
        *(f"- `{name}`: {why}" for name, why in harmless.items()),
        *by_function(name for name in survivors if name not in harmless),
    ]
    return "\n".join(lines)


def by_function(names: Iterable[str]) -> Iterator[str]:
    numbers: dict[str, list[str]] = {}
    for name in names:
        function, _, number = name.rpartition("__mutmut_")
        numbers.setdefault(function, []).append(number)
    return (f"- not noticed: `{function}` {', '.join(each)}" for function, each in numbers.items())


def show(room: str) -> None:
    """Print what changed in each survivor that has no reason yet."""
    folder = KEPT / "mutants" / room
    for name, verdict in sorted(verdicts(folder).items()):
        if alive(verdict) and name not in reasons():
            print(mutmut(folder, "show", name, within=60))


if __name__ == "__main__":
    main()
