"""How a process ends that a handler forked: nobody there gives orders, or hears what a handler raised.

It knows processes and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import Any, NoReturn


def leave_child(error: BaseException | None) -> NoReturn:
    """End a process that a handler forked: nobody gives it orders, and nobody would hear what it raised."""
    status: Any = 0
    if isinstance(error, SystemExit):
        status = 0 if error.code is None else error.code
        if not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    elif error is not None:
        traceback.print_exception(error)
        status = 1
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status & 0xFF)
