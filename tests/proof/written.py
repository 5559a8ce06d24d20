"""docs/proof.md: a section a part, replaced when the part has run again; it knows no part by name."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROOF = ROOT / "docs" / "proof.md"
KEPT = ROOT / ".proof"  # what an interrupted part goes on from; not in git


def part(name: str, found: str, how: str, to: Path = PROOF) -> None:
    """Replace the section of one part by what it found: Markdown, after the commit, the date and the machine.

    `how` is the command that finds it again.
    """
    section = f"## {name}\n\n`{how}` · {stamp()}\n\n{found.strip()}\n"
    text = to.read_text(encoding="utf-8")
    old = re.compile(rf"^## {re.escape(name)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if old.search(text):
        text = old.sub(lambda _: section + "\n", text, count=1)
    else:
        text = text.rstrip() + "\n\n" + section
    to.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(section)


def stamp() -> str:
    """Commit, date and machine, in one line."""
    python = f"CPython {platform.python_version()}"
    machine = f"{platform.system()} {platform.release().split('-')[0]}, {os.cpu_count()} cores, {python}"
    return f"{commit()} · {datetime.datetime.now(datetime.UTC):%Y-%m-%d} · {machine}"


def commit() -> str:
    """The commit that is tested, and whether files differ from it."""
    ask = ("git", "-C", str(ROOT))
    name = subprocess.run(
        [*ask, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    changed = subprocess.run(
        [*ask, "status", "--porcelain", "--", ":!docs/proof.md"], capture_output=True, text=True
    ).stdout.strip()
    return (name or "no commit") + (" and changes" if changed else "")


def minutes(what: str, unit: float = 30) -> Callable[[], float]:
    """Parse `--minutes`; returns a function that says how many seconds are left."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--minutes", type=float, default=unit, help=f"how long it may take ({unit:g})")
    until = time.monotonic() + 60 * parser.parse_args().minutes
    return lambda: until - time.monotonic()


def kept(name: str) -> dict[str, Any]:
    """What an earlier run of this part at this commit left to go on from, or {}."""
    path = KEPT / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found if found.get("commit") == commit() else {}


def keep(name: str, state: dict[str, Any]) -> None:
    """Leave `state` for the next run of this part at this commit."""
    KEPT.mkdir(exist_ok=True)
    new = KEPT / f"{name}.json.new"
    new.write_text(json.dumps({**state, "commit": commit()}, indent=1))
    new.replace(KEPT / f"{name}.json")
