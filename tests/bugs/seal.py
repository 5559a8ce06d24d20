"""Seal the cases into labkit/teaching/bugs: python -m tests.bugs.seal

The numbers are in no order that would tell anything.
"""

from __future__ import annotations

import base64
import textwrap
import zlib
from pathlib import Path

from labkit.teaching.bugs_hunt import HERE
from labkit.teaching.bugs_sealed import SUFFIX

PLAIN = Path(__file__).parent
NUMBERS = {
    "lost_partial_write": 1,
    "ignored_eof": 2,
    "split_message": 3,
    "edge_stall": 4,
    "always_writable": 5,
    "half_close": 6,
    "fd_reuse": 7,
    "slow_handler": 8,
    "multiple_of_1024": 9,
    "nagle_stall": 10,
    "emfile_spin": 11,
    "lost_tail": 12,
    "quadratic_buffer": 13,
    "greedy_peer": 14,
}


def seal(text: str) -> str:
    """The text as a sealed file holds it."""
    sealed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    return "\n".join(textwrap.wrap(sealed, 100)) + "\n"


def text_of(name: str) -> str:
    return (PLAIN / "cases" / f"{name}.py").read_text(encoding="utf-8")


def main() -> None:
    for name, number in NUMBERS.items():
        (HERE / f"{number:02}{SUFFIX}").write_text(seal(text_of(name)), encoding="ascii")


if __name__ == "__main__":
    main()
