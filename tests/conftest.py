"""What all tests need of the process they run in."""

from __future__ import annotations

import signal

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """In one of several processes: hear Ctrl-C, which they are started to ignore; some tests are about it."""
    if hasattr(config, "workerinput"):
        signal.signal(signal.SIGINT, signal.default_int_handler)
