"""Where a thread is: the lines on its stack, and which of them is the program's own.

It knows frames, and nothing of loops.
"""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

FRAMES = 12  # of a stack, innermost first
OURS = str(Path(__file__).resolve().parents[1])
DOOR = str(Path(__file__).with_name("program.py"))
LIBRARY = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
INSTALLED = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a program that was running: the function's name, its file and the line in it."""

    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


def stack(frame: FrameType | None) -> tuple[Place, ...]:
    """The lines on a stack, innermost first, without ours."""
    found: list[Place] = []
    while frame is not None and len(found) < FRAMES:
        if not frame.f_code.co_filename.startswith(OURS):
            found.append(_place(frame))
        frame = frame.f_back
    return tuple(found)


def handler(frame: FrameType) -> Place | None:
    """The innermost line that is the program's own, else of an installed package; None: the loop's own work.

    What led to the loop, below our door to it, has no part in that.
    """
    inside = []
    each: FrameType | None = frame
    while each is not None and each.f_code.co_filename != DOOR:
        inside.append(each)
        each = each.f_back
    for foreign in (LIBRARY + INSTALLED, LIBRARY):
        for each in inside:
            if not each.f_code.co_filename.startswith((*foreign, "<frozen", OURS)):
                return _place(each)
    return None


def culprit(frame: FrameType) -> Place:
    """The handler that keeps a loop; where there is none, the innermost line."""
    return handler(frame) or _place(frame)


def _place(frame: FrameType) -> Place:
    return Place(frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno)
