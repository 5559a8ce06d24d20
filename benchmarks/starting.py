"""How long `import labkit` takes, over a bare interpreter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.rows import Measure, valued


def importing() -> Iterator[Measure]:
    """As installed: compiled once."""
    yield valued("import labkit over bare Python", over_bare, 80)


def over_bare() -> float:
    """ms, the median of pairs."""
    start("import labkit")
    return statistics.median(start("import labkit") - start("pass") for _ in range(15))


def start(code: str) -> float:
    """ms that an interpreter takes to run `code`."""
    # Some set-ups forbid Python to keep what it compiled.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return (time.perf_counter() - began) * 1e3
