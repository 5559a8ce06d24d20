"""What all tests need of the process they run in."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile

import pytest

# jsonschema builds 39 grammars for IRIs, in every process that reads a notebook: seconds, for what none has.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def pytest_configure(config: pytest.Config) -> None:
    """Keep the reader's progress out of it; hear Ctrl-C, also where a process among several ignores it."""
    os.environ["LABKIT_PROGRESS"] = tempfile.mkdtemp(prefix="labkit-progress-")  # nobody's own, and none kept
    if hasattr(config, "workerinput") or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["LABKIT_PROGRESS"], ignore_errors=True)
