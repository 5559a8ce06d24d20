"""make proof-class: a hostile client, then simulated classes of two hundred for the time given.

What must hold is tested elsewhere; this measures how fast it is on this machine.
"""

from __future__ import annotations

from statistics import median

from labkit.classroom.room import Room
from labkit.classroom.simulate import Echo, Hour, simulate
from labkit.figure.live import LiveFigure
from labkit.lab.lab import Lab

from ..classroom.test_room import besieged
from . import written

STUDENTS = 200
HOSTILE = 100_000
BARS = {"join_s": 10.0, "vote_p95_ms": 300.0, "step_p95_ms": 150.0}


def drawing(lab: Lab):
    """What the live figure costs the kernel: its drawing of the newest iteration."""
    figure = LiveFigure(lab.tape)
    return lambda: figure.drawing(lab.tape[-1].index) if len(lab.tape) else None


def main() -> None:
    left = written.minutes(__doc__ or "", unit=3)
    with Lab(Echo, selector="epoll") as lab, Room(lab) as room:
        took = besieged(room, HOSTILE, students=20)
    hostile = f"{HOSTILE:,} malformed requests in {took:.0f} s: none of 20 listening students was dropped."
    print(hostile, flush=True)
    hours: list[Hour] = []
    while not hours or left() > 30:
        hours.append(simulate(STUDENTS, draw=drawing, seed=len(hours) + 1))
        print(hours[-1], flush=True)
    lost, doubled = sum(hour.lost for hour in hours), sum(hour.doubled for hour in hours)
    rows = [f"{len(hours)} classes of {STUDENTS}: {lost} votes lost, {doubled} doubled.", hostile, ""]
    rows += ["| what | median | worst | bar | met |", "|---|---|---|---|---|"]
    for name in ("join_s", "vote_p95_ms", "step_p95_ms", "longest_turn_ms"):
        values = [getattr(hour, name) for hour in hours]
        bar = BARS.get(name)
        met = "" if bar is None else "yes" if median(values) <= bar else "no"
        rows.append(f"| {name} | {median(values):.1f} | {max(values):.1f} | {bar or ''} | {met} |")
    written.part("class", "\n".join(rows), "make proof-class")


if __name__ == "__main__":
    main()
