"""make proof-class: simulated classes of two hundred, then a hostile client, for the time given.

What must hold is tested elsewhere; this measures how fast it is on this machine, and sends more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median

from labkit.classroom.commands import drawing
from labkit.classroom.room import Room
from labkit.classroom.simulate import Echo, Hour, simulate
from labkit.lab.lab import Lab

from ..classroom.test_room import besieged
from . import written

STUDENTS = 200
CLASSES = 10
HOSTILE, AT_ONCE, LISTENING = 100_000, 2_000, 20
BARS = {"join_s": 10.0, "vote_p95_ms": 300.0, "step_p95_ms": 150.0}


def main() -> None:
    left = written.minutes(__doc__ or "", unit=6)
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    hours: list[Hour] = []
    while not hours or (left() > 30 and len(hours) < CLASSES):
        hours.append(simulate(STUDENTS, draw=drawing, seed=len(hours) + 1))
        print(hours[-1], flush=True)
    hostile = siege(left)
    print(hostile, flush=True)
    lost, doubled = sum(hour.lost for hour in hours), sum(hour.doubled for hour in hours)
    said = f"{len(hours)} classes of {STUDENTS}: {lost} votes lost, {doubled} doubled. "
    rows = [f"{said}The machine's load a core was {load:.1f} before.", "", hostile, ""]
    rows += ["| what | median | worst | bar | met |", "|---|---|---|---|---|"]
    for name in ("join_s", "vote_p95_ms", "step_p95_ms", "longest_turn_ms"):
        values = [getattr(hour, name) for hour in hours]
        bar = BARS.get(name)
        met = "" if bar is None else "yes" if median(values) <= bar else "no"
        rows.append(f"| {name} | {median(values):.1f} | {max(values):.1f} | {bar or ''} | {met} |")
    written.part("class", "\n".join(rows), "make proof-class")


def siege(left: Callable[[], float]) -> str:
    """HOSTILE malformed requests, or as many as there is time for; goes on where it ended the last time."""
    state = written.kept("class") or {"sent": 0, "took": 0.0}
    while state["sent"] < HOSTILE and left() > 0:
        with Lab(Echo, selector="epoll") as lab, Room(lab) as room:
            state["took"] += besieged(room, AT_ONCE, students=LISTENING, seed=state["sent"])
        state["sent"] += AT_ONCE
        written.keep("class", state)
    return (
        f"{state['sent']:,} of {HOSTILE:,} malformed requests in {state['took']:.0f} s: after every "
        f"{AT_ONCE:,} all {LISTENING} students who had listened heard the next news and were answered."
    )


if __name__ == "__main__":
    main()
