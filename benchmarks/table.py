"""`python -m benchmarks.table`: the tables of benchmarks/README.md and README.md, from results.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.rows import LEAST

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
MARKS = {True: "yes", False: "**missed**", None: "–"}


def whole(results: dict[str, Any]) -> str:
    """Every row."""
    lines = [
        results["machine"],
        "",
        "| what | ours | theirs | ratio | bar | met |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["rows"]:
        bar = "" if row["bar"] is None else f"≤ {row['bar']:g}"
        said = row["why"] or f"{row['ratio']:.2f} (± {row['spread'] / 2:.0%})"
        lines.append(
            f"| {row['what']} | {row['ours']} | {row['theirs']} | {said} | {bar} | {MARKS[row['met']]} |"
        )
    return "\n".join(lines)


def short(results: dict[str, Any]) -> str:
    """The rows that have a bar, and what is the least that one of them could be."""
    lines = [results["machine"], "", "| what | measured | bar | met |", "|---|---|---|---|"]
    for row in results["rows"]:
        if row["bar"] is not None or row["what"].startswith(LEAST):
            bar = "" if row["bar"] is None else f"≤ {row['bar']:g}"
            said = row["why"] or f"{row['ratio']:.2f}"
            lines.append(f"| {row['what']} | {said} | {bar} | {MARKS[row['met']]} |")
    return "\n".join(lines)


def put(path: Path, table: str) -> None:
    """Put a table between the marks of a file, if it has them."""
    text = path.read_text(encoding="utf-8")
    if BEGIN in text:
        head, rest = text.split(BEGIN)
        path.write_text(f"{head}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main() -> None:
    """Write both tables."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    put(HERE / "README.md", whole(results))
    put(HERE.parent / "README.md", short(results))


if __name__ == "__main__":
    main()
