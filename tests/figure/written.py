"""Tapes that were written by hand, so that a test knows every number of them; no two numbers are the same."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from typing import Any

from labkit.tape.iteration import Iteration
from labkit.tape.tape import Tape
from labkit.tape.turn import EVENTS, Account, Call, Capacity, Contents, Moment, Now, Queues


class Written(Tape):
    """A tape that holds these iterations, the first of which has the index `dropped`."""

    def __init__(self, its: list[Iteration], dropped: int = 0, now: Now | None = None) -> None:
        super().__init__()
        self._its, self.dropped, self._told = its, dropped, now
        self.about = {"selector": "select"}

    def __len__(self) -> int:
        return len(self._its)

    def iteration(self, index: int) -> Iteration:
        if not self.dropped <= index < self.dropped + len(self._its):
            raise IndexError(index)
        return self._its[index - self.dropped]

    def __iter__(self) -> Iterator[Iteration]:
        return iter(self._its)

    @property
    def now(self) -> Now | None:
        return self._told


def turn(index: int, **fields: Any) -> Iteration:
    """An iteration with these fields, and nothing in the others."""
    nothing: dict[str, Any] = {
        "at_ns": index * 10**9, "timeout": None, "interest": {}, "ready": {}, "asleep_ns": 5_000 + index,
        "awake_ns": 70_000 + index, "cpu_ns": 60_000 + index, "thread": 1, "calls": (), "queues": {},
        "accounts": {}, "names": {}, "capacity": {}, "stepped": True,
    }  # fmt: skip
    return Iteration(index=index, **{**nothing, **fields})


def events(mapping: dict[int, int]) -> dict[int, Any]:
    return {fd: EVENTS[mask] for fd, mask in mapping.items() if mask}


def many(fds: int, turns: int, seed: int = 1, beyond: bool = True, dropped: int = 0) -> Written:
    """A tape of so many fds in which everything that can be asked, ready or EAGAIN is, somewhere."""
    dice = random.Random(seed)
    numbers = [3 + 2 * n for n in range(fds)]
    its = []
    for index in range(dropped, dropped + turns):
        masks = (1, 1, 1, 3, 2, 0) + ((5, 7) if beyond else ())
        interest = {fd: dice.choice(masks) for fd in numbers}
        ready = {fd: mask & dice.choice((0, 0, 1, 2, 3, 4)) for fd, mask in interest.items()}
        calls = [
            Call(fd, dice.choice(("recv", "send", "accept", "sendmsg", "recv_into")), 1024, None,
                 dice.choice((0, 0, errno.EAGAIN, errno.ECONNRESET)), 1_000 + n)
            for n, fd in enumerate(dice.sample(numbers, min(fds, 4)))
        ]  # fmt: skip
        raised = ((numbers[index % fds], f"ValueError: {index}"),) if index % 5 == 4 else ()
        its.append(
            turn(
                index,
                interest=events(interest),
                ready=events(ready),
                calls=tuple(calls),
                errors=raised,
                names={fd: f"client {fd}" for fd in numbers},
                asleep_ns=dice.randrange(2_000, 10**10),
                awake_ns=dice.randrange(2_000, 10**8),
                cpu_ns=dice.randrange(2_000, 10**8),
            )  # fmt: skip
        )
    return Written(its, dropped)


def connected(peers: int, contents: bool = True) -> Written:
    """Two iterations of a loop with so many connections, whose bytes stand in all six places.

    In the second, two calls are made on the first connection: a recv of 8 bytes and a send of 5.
    """
    queues = {7 + n: Queues(101 + n, 202 + n, 303 + n, 404 + n) for n in range(peers)}
    accounts = {
        7 + n: Account(
            peer_sent=1_000 + 101 + n + 55, peer_unsent=55, received=1_000, sent=2_000,
            peer_unread=77, peer_received=2_000 - 404 - n - 77, open=True, moving=False,
        )
        for n in range(peers)
    }  # fmt: skip
    capacity = {7 + n: Capacity(500, 600, 700, 800) for n in range(peers)}
    held = {
        7 + n: Contents(b"kernel", b"to\nread", b"to write", b"sent", b"un\n", b"\x00left")
        for n in range(peers)
    }
    shared = {
        "names": {7 + n: f"client {n}" for n in range(peers)}, "capacity": capacity,
        "contents": held if contents else {}, "interest": events({7 + n: 1 for n in range(peers)}),
    }  # fmt: skip
    first = turn(0, queues=queues, accounts=accounts, **shared)
    woke, got, sent = Queues(109, 202, 303, 404), Queues(101, 210, 303, 404), Queues(101, 202, 298, 409)
    bytes_ = Contents(b"at first", b"b", b"c", b"d", b"e", b"f")
    took = bytes_._replace(recv_queue=b"took")
    second = turn(
        1, queues={**queues, 7: sent}, accounts=accounts, ready=events({7: 1}),
        calls=(Call(7, "recv", 8, 8, 0, 100), Call(7, "send", 5, 5, 0, 200)),
        moments=(
            Moment(0, 7, woke, accounts[7], bytes_ if contents else None),
            Moment(1, 7, got, accounts[7]._replace(peer_unread=78), took if contents else None),
            Moment(2, 7, sent, accounts[7], held[7] if contents else None),
        ),
        **shared,
    )  # fmt: skip
    return Written([first, second])


class Player:
    """A player of a tape that was written by hand; `reset` begins another."""

    def __init__(self, iterations: int = 3, selector: str = "select") -> None:
        self.running, self.closed, self.thread = False, False, 7
        self.selector, self.acts = selector, list[str]()
        self.begin(iterations)

    def begin(self, iterations: int) -> None:
        self.tape = Written([turn(i, interest=events({5: 1}), names={5: "alice"}) for i in range(iterations)])
        self.tape.about["selector"] = self.selector

    def step(self) -> None:
        self.acts.append("step")
        self.tape._its.append(turn(self.tape.dropped + len(self.tape)))

    def run(self) -> None:
        self.running = True
        self.acts.append("run")

    def pause(self) -> None:
        self.running = False
        self.acts.append("pause")

    def reset(self) -> None:
        self.begin(0)
