"""`python -m benchmarks [PART …]`: measure the rows of these parts, or of all, into benchmarks/results.json.

Ratios are of things measured in turn, A B B A …, so that they hold when the machine's speed drifts. All rows
are measured, then all again, three times; a row states no ratio if these differ by more than 15 %. Rows of
parts that are not measured stay as they were, if the machine is the same. The tables of both README.md are
written after that.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from datetime import date
from importlib import metadata
from typing import Any

from benchmarks import table
from benchmarks.loops import idle, loop
from benchmarks.recording import memory, recording
from benchmarks.rows import Measure, Row, measured, not_measured
from benchmarks.starting import importing


def frames() -> Iterator[Measure | Row]:
    """The figure's own rows, where its benchmark is there."""
    try:
        from benchmarks.figures import rows
    except ImportError as error:
        yield not_measured("the figure", str(error))
        return
    yield from rows()


PARTS: dict[str, Callable[[], Iterator[Measure | Row]]] = {
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
    """Measure, print, and write down."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    began = time.monotonic()
    asked = {each: name for name in options.parts or PARTS for each in PARTS[name]()}
    rows = [each for each in asked if isinstance(each, Row)]
    rows += measured(each for each in asked if isinstance(each, Measure))
    part_of = {each.what: name for each, name in asked.items()}
    kept = {what: row for what, row in _kept().items() if row["part"] not in part_of.values()}
    for row in rows:
        print(f"{row.what}: {row.why or row.ratio}  {'' if row.bar is None else f'≤ {row.bar:g}'}")
        kept[row.what] = {**row.json(), "part": part_of[row.what]}
    order = sorted(kept.values(), key=lambda each: list(PARTS).index(each["part"]))
    results = {"machine": machine(), "versions": versions(), "rows": order}
    table.RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    table.main()
    print(f"measured in {time.monotonic() - began:.0f} s")


def _kept() -> dict[str, dict[str, Any]]:
    """The rows that were measured before, on a machine like this one, by what they say."""
    if not table.RESULTS.exists():
        return {}
    before = json.loads(table.RESULTS.read_text(encoding="utf-8"))
    return {row["what"]: row for row in before["rows"]} if before["machine"] == machine() else {}


if __name__ == "__main__":
    main()
