"""`python -m benchmarks [PART …]`: measure the rows of these parts, or of all, into benchmarks/results.json.

Ratios are of things measured in turn, A B B A …, so that they hold when the machine's speed drifts; a row is
three whole repetitions of that, and states no ratio if they differ by more than 15 %. Rows that are not
measured stay as they were, if the machine is the same. `python -m benchmarks.table` writes the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator
from datetime import date
from importlib import metadata
from typing import Any

from benchmarks.loops import idle, loop
from benchmarks.recording import memory, recording
from benchmarks.rows import Row, not_measured
from benchmarks.starting import importing
from benchmarks.table import RESULTS


def frames() -> Iterator[Row]:
    """The figure's own rows, where its benchmark is there."""
    try:
        from benchmarks.figures import rows
    except ImportError as error:
        yield not_measured("the figure", f"not measured: {error}")
        return
    yield from rows()


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    part.__name__: part for part in (loop, idle, recording, memory, frames, importing)
}


def machine() -> str:
    """What was measured on."""
    release = platform.release().split("-")[0]
    return (
        f"{platform.system()} {release}, {platform.machine()}, {os.cpu_count()} cores, "
        f"CPython {platform.python_version()}"
    )


def versions() -> dict[str, str]:
    """Of what stands in the rows."""
    names = ("event-loop-lab", "matplotlib", "numpy", "anywidget", "ipywidgets")
    found = {"date": str(date.today())}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    """Measure, print, and write down after every row."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    kept = _kept()
    for name in options.parts or PARTS:
        for row in PARTS[name]():
            print(
                f"{row.what}: {row.why or row.ratio}  {'' if row.bar is None else f'≤ {row.bar:g}'}",
                flush=True,
            )
            kept[row.what] = {**row.json(), "part": name}
            order = sorted(kept.values(), key=lambda each: list(PARTS).index(each["part"]))
            results = {"machine": machine(), "versions": versions(), "rows": order}
            RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _kept() -> dict[str, dict[str, Any]]:
    """The rows that were measured before, on a machine like this one, by what they say."""
    if not RESULTS.exists():
        return {}
    before = json.loads(RESULTS.read_text(encoding="utf-8"))
    return {row["what"]: row for row in before["rows"]} if before["machine"] == machine() else {}


if __name__ == "__main__":
    main()
