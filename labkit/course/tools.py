"""Where nbgrader's own tools are: it starts one of them (alembic) by its name alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def path() -> str:
    """The PATH, with the folder of this Python's tools in front."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
