"""What checks read off a tape: peaks, spins, interest, in a line each. Pure functions of (tape, fd)."""

from __future__ import annotations

from labkit.tape.narrate import event
from labkit.tape.tape import Tape
from labkit.tape.turn import SYSTEM_CALLS, Event


def peak(tape: Tape, fd: int, place: str) -> tuple[int, int]:
    """(bytes, iteration): the most that stood in a place ("write_buffer", …) of a connection."""
    held = [(getattr(turn.queues[fd], place) or 0, turn.index) for turn in tape if fd in turn.queues]
    return max(held, key=lambda each: each[0], default=(0, 0))


def asked(tape: Tape, fd: int, what: Event) -> list[int]:
    """The iterations in which the loop asked about `fd` for `what`."""
    return [turn.index for turn in tape if turn.interest.get(fd, Event(0)) & what]


def untouched(tape: Tape, times: int = 2) -> tuple[int, str] | None:
    """(iteration, what): where something was ready, and nothing was done about it, `times` in a row.

    None if that never is. A loop that does this never sleeps.
    """
    idle: dict[int, int] = {}
    for turn in tape:
        called = {call.fd for call in turn.calls if call.name in SYSTEM_CALLS}
        for fd in [fd for fd in idle if fd not in turn.ready or fd in called]:
            del idle[fd]
        for fd, events in turn.ready.items():
            if fd not in called:
                idle[fd] = idle.get(fd, 0) + 1
                if idle[fd] >= times:
                    ready = f"{turn.name(fd)} is ready to {event(events)}"
                    return turn.index, f"{ready}, and nothing is done about it"
    return None


def calls(tape: Tape, fd: int, name: str) -> list[tuple[int, int | None, int]]:
    """(iteration, result, errno) of each call of this name on `fd`."""
    made = ((turn.index, call) for turn in tape for call in turn.calls if (call.fd, call.name) == (fd, name))
    return [(index, call.result, call.errno) for index, call in made]
