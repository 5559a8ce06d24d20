"""A recorder that is driven by hand, turn by turn."""

from __future__ import annotations

from typing import Any

from labkit import Event
from labkit.record.recorder import Recorder

READ, WRITE = Event.READ, Event.WRITE


def turn(recorder: Recorder, *ready: int, timeout: Any = 0.0) -> Any:
    """A wait that is told `ready` (fd, events, …); what was open is on the tape then, and is returned."""
    recorder.wait(lambda timeout: ready, timeout, tuple)
    return recorder.tape[-1] if len(recorder.tape) else None


def last(recorder: Recorder) -> Any:
    recorder.finish()
    return recorder.tape[-1]


class Data:
    """What a program registers: its two buffers."""

    def __init__(self) -> None:
        self.read_buffer, self.write_buffer = bytearray(b"in"), bytearray(b"out!")
