"""What all tests need of the process they run in."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

# Most tests of these files run a loop, start a process or draw: more than a tenth of a second each.
UNHURRIED = {
    "test_benchmarks.py",
    "test_cli.py",
    "charts/test_charts.py",
    "charts/test_compare.py",
    "classroom/test_simulated.py",
    "diagnosis/test_healthy.py",
    "diagnosis/test_patients.py",
    "figure/test_live.py",
    "figure/test_live_moving.py",
    "figure/test_live_shown.py",
    "figure/test_live_sweep.py",
    "figure/test_output.py",
    "figure/test_printers.py",
    "figure/test_veil.py",
    "lab/test_asyncore_lab.py",
    "lab/test_attacks.py",
    "lab/test_traffic.py",
    "teaching/test_bugs.py",
    "teaching/test_practice.py",
    "teaching/test_practice_steps.py",
    "watching/test_program.py",
    "watching/test_random_programs.py",
}
HERE = Path(__file__).parent

# jsonschema builds 39 grammars for IRIs, in every process that reads a notebook: seconds, for what none has.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def pytest_configure(config: pytest.Config) -> None:
    """Keep the reader's progress out of it; hear Ctrl-C, also where a process among several ignores it."""
    os.environ["LABKIT_PROGRESS"] = tempfile.mkdtemp(prefix="labkit-progress-")  # nobody's own, and none kept
    if hasattr(config, "workerinput") or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["LABKIT_PROGRESS"], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(HERE).as_posix() in UNHURRIED:
            item.add_marker(pytest.mark.unhurried)
