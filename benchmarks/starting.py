"""How long `import labkit` takes, over a bare interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.rows import Measure, valued


def importing() -> Iterator[Measure]:
    """As installed: compiled once."""
    yield valued("import labkit over bare Python", over_bare, 80)


def over_bare() -> float:
    """ms, the best of 15 of each: what else runs on the machine only adds."""
    start("import labkit")
    times = [(start("import labkit"), start("pass")) for _ in range(15)]
    with_labkit, bare = map(min, zip(*times, strict=True))
    return with_labkit - bare


def start(code: str) -> float:
    """ms that an interpreter takes to run `code`."""
    # Some set-ups forbid Python to keep what it compiled.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return (time.perf_counter() - began) * 1e3
