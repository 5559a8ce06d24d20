"""Experiments with a class as the load, ready to run: each tells the phones what to do, and what it saw.

Run one while the figure is on the wall. None of them needs more than one hand.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from labkit.classroom.room import Room
from labkit.tape.narrate import duration

AT_MOST = 10  # phones of each half of the room
SENT_WITHIN = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Seen:
    """What an experiment saw: a sentence, and the numbers in it by name (bytes, connections, ns)."""

    says: str
    numbers: dict[str, float]

    def __repr__(self) -> str:
        return self.says


def backpressure(room: Room, size: int = 8 * 2**20) -> Seen:
    """Half the room presses *stop reading*; then some of each half are sent `size` bytes. Whose pile up here?

    A browser takes some megabytes before it stops the sender, so `size` is generous; a network that the class
    shares bears it for no more than AT_MOST of each half.
    """
    if not room.service.not_reading:
        room.tell({"kind": "say", "text": "Every second of you: press *Stop reading* now."})
        return Seen("Nobody has stopped reading yet. Ask half the room to press it, and run this again.", {})
    phones = [each for each in tuple(room.service.connections) if each.streams and each.token]
    halves = {True: phones[:0], False: phones[:0]}
    for phone in phones:
        half = halves[phone.token in room.service.not_reading]
        half += [phone] if len(half) < AT_MOST else []
    room.fill(size, [phone.token or "" for half in halves.values() for phone in half])
    sent = threading.Event()
    room.do(sent.set)
    sent.wait(SENT_WITHIN)
    time.sleep(1)
    stopped, reading = (sum(len(phone.write_buffer) for phone in halves[half]) for half in (True, False))
    return Seen(
        f"{stopped:,} bytes wait in the write buffers of {len(halves[True])} who stopped reading, "
        f"{reading:,} in those of {len(halves[False])} others.",
        {"stopped": stopped, "reading": reading},
    )


def slow_handler(room: Room, seconds: float = 2.0) -> Seen:
    """One handler sleeps; who else is served meanwhile? Let everybody press *Send it*, and count."""
    if not 0 < seconds <= 10:
        raise ValueError(f"seconds={seconds}: give a time up to 10 s, a class waits for it")
    room.tell({"kind": "say", "text": "Now press *Send it*, and count until it is answered."})
    time.sleep(0.2)
    before = sum(student.words for student in room.students)
    room.do(lambda: time.sleep(seconds))
    time.sleep(seconds * 0.9)
    during = sum(student.words for student in room.students) - before
    return Seen(
        f"While one handler slept {seconds:g} s, {during} of the others' requests were answered.",
        {"answered": during},
    )


def select_against_epoll(room: Room, times: int = 200) -> Seen:
    """What one question costs about every phone in the room, by select and by epoll (medians, ns)."""
    fds = [phone.socket.fileno() for phone in tuple(room.service.connections) if not phone.closing]
    fds = [fd for fd in fds if 0 <= fd < 1_024]  # what fits into select's set
    asking = select.epoll()
    with asking:
        for fd in fds:
            asking.register(fd, select.EPOLLIN)
        by_select = _median(lambda: select.select(fds, [], [], 0), times)
        by_epoll = _median(lambda: asking.poll(0), times)
    return Seen(
        f"Asked about {len(fds)} connections: select {duration(by_select)}, epoll {duration(by_epoll)}.",
        {"connections": len(fds), "select_ns": by_select, "epoll_ns": by_epoll},
    )


def flood(room: Room, each: int = 4) -> Seen:
    """Every phone opens `each` connections at once while the loop stands: they wait in the backlog."""
    if not 1 <= each <= 16:
        raise ValueError(f"each={each}: give 1 to 16; a browser opens no more at a time anyway")
    room.tell({"kind": "connect", "count": each})
    time.sleep(0.2)  # the news are out; now nobody accepts
    room.lab.pause()
    time.sleep(1.5)
    before = len(room.service.connections)
    accepted = 0
    for _ in range(3):
        accepted += sum(call.name == "accept" and not call.errno for call in room.lab.step().calls)
    room.lab.run()
    return Seen(
        f"The loop stood for a second and a half. Then it took one waiting connection an iteration: "
        f"{accepted} in three. It had {before} connections before.",
        {"before": before, "accepted_in_three": accepted},
    )


def _median(ask: Callable[[], object], times: int) -> int:
    took = []
    for _ in range(times):
        began = time.perf_counter_ns()
        ask()
        took.append(time.perf_counter_ns() - began)
    return int(median(took))
