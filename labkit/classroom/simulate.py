"""A class that is simulated, to know before the lesson what this machine bears: joined, lost, and how fast.

The phones are real connections from a process of their own; the figure is drawn meanwhile as often as a live
one allows itself, and the teacher presses Step. Times are in the units that the names say.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from labkit.classroom.room import Room
from labkit.classroom.wall import DRAWN_EVERY, wall
from labkit.figure.live import FRAMES_A_SECOND, SHARE
from labkit.lab.lab import Lab
from labkit.loop import Channel

CHOICES = ("b''", "EAGAIN", "it sleeps")
VOTE_WITHIN = 60.0  # seconds that a round may take


class Echo(Channel):
    """The server that the class could be poking, were this a lesson."""

    def handle_read(self) -> None:
        self.write(self.recv(4_096))


@dataclass(frozen=True, slots=True)
class Hour:
    """What came of it; `vote_p95_ms` is from a phone's press to the teacher's screen."""

    joined: int
    lost: int
    doubled: int
    join_s: float
    vote_p95_ms: float
    step_p95_ms: float
    longest_turn_ms: float

    def as_json(self) -> str:
        return json.dumps({name: round(value, 3) for name, value in asdict(self).items()})

    def __str__(self) -> str:
        return (
            f"{self.joined} joined in {self.join_s:.1f} s; {self.lost} votes lost, {self.doubled} doubled.\n"
            f"A vote was on the screen after {self.vote_p95_ms:.0f} ms, a Step answered after "
            f"{self.step_p95_ms:.0f} ms (95 of 100 sooner).\n"
            f"The loop's longest turn took {self.longest_turn_ms:.1f} ms."
        )


class Screen:
    """Stands for the teacher's screen, a thread for each of its two parts as in a notebook: figure and wall.

    The wall is made anew when something has changed; it knows which votes it has shown, and since when.
    """

    def __init__(self, room: Room, draw: Callable[[], object]) -> None:
        self.shown: dict[tuple[int, int, str], float] = {}
        self._room, self._draw = room, draw
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=work.__name__, daemon=True)
            for work in (self._figure, self._wall)
        ]
        for thread in self._threads:
            thread.start()

    def _figure(self) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            began = time.thread_time()
            self._draw()
            pause = max(1 / FRAMES_A_SECOND, (time.thread_time() - began) / SHARE)

    def _wall(self) -> None:
        while not self._over.is_set():
            self._room.changed.wait(DRAWN_EVERY)
            self._room.changed.clear()
            there = list(self._room.service.arrived)
            wall(self._room)
            now = time.monotonic()
            for vote in there:
                self.shown.setdefault(vote, now)
            self._over.wait(DRAWN_EVERY)

    def close(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(10)


def simulate(
    count: int,
    *,
    draw: Callable[[Lab], Callable[[], object]] | None = None,
    seed: int = 1,
    selector: str = "epoll",
) -> Hour:
    """An hour with `count` phones in a few seconds; `draw(lab)` makes what draws the figure once.

    Raises RuntimeError if the phones could not join.
    """
    if not 1 <= count <= 500:
        raise ValueError(f"--simulate {count}: give 1 to 500 students")
    with Lab(Echo, selector=selector) as lab, Room(lab) as room:
        screen = Screen(room, draw(lab) if draw else lambda: None)
        command = [
            sys.executable,
            "-m",
            "labkit.classroom.phones",
            room.url,
            room.code,
            str(count),
            str(seed),
        ]
        phones = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert phones.stdout is not None and phones.stdin is not None
            first = phones.stdout.readline()
            if not first:
                raise RuntimeError("the simulated phones could not join; what they said is above")
            joined = json.loads(first)
            steps = _two_rounds(room, count)
            phones.stdin.close()
            did = json.loads(phones.stdout.readline())
            phones.wait(10)
        finally:
            with contextlib.suppress(OSError):
                phones.kill()
            phones.wait()
            for pipe in (phones.stdin, phones.stdout):
                if pipe is not None:
                    pipe.close()
            time.sleep(2 * DRAWN_EVERY)
            screen.close()
        return _hour(room, joined, did, steps, screen)


def _two_rounds(room: Room, count: int) -> list[float]:
    """The class votes twice; how long each Step took meanwhile, in seconds."""
    steps: list[float] = []
    ballot = room.ask("What does recv return when the peer has closed?", CHOICES)
    for round in (1, 2):
        until = time.monotonic() + VOTE_WITHIN
        while len(ballot.rounds[-1]) < count and time.monotonic() < until:
            began = time.monotonic()
            room.step()
            steps.append(time.monotonic() - began)
            time.sleep(0.1)
        room.close_vote()
        if round == 1:
            room.ask_again()
    room.reveal(CHOICES[0])
    return steps


def _hour(
    room: Room, joined: dict[str, Any], did: dict[str, Any], steps: list[float], screen: Screen
) -> Hour:
    lost = len(did["failed"])
    waits = []
    for token, votes in did["votes"].items():
        for key, (choice, sent) in votes.items():
            number, round = map(int, key.split())
            counted = room.ballots[number - 1].rounds[round - 1].get(token, choice)
            lost += counted != choice  # one that is not there at all is counted below
            waits.append(screen.shown.get((number, round, token), float("inf")) - sent)
    rounds = [votes for ballot in room.ballots for votes in ballot.rounds]
    lost += sum(len(did["votes"].keys() - votes.keys()) for votes in rounds)
    strangers = sum(len(votes.keys() - did["votes"].keys()) for votes in rounds)
    return Hour(
        joined=joined["joined"],
        lost=lost,
        doubled=strangers + len(room.students) - len(did["votes"]),
        join_s=joined["join_s"],
        vote_p95_ms=_p95(waits) * 1e3,
        step_p95_ms=_p95(steps) * 1e3,
        longest_turn_ms=max((it.awake_ns for it in room.lab.tape), default=0) / 1e6,
    )


def _p95(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] if ordered else 0.0
