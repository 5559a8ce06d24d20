"""What the scenarios of bugs share: a company of drawn names, and a few questions to what came of it.

It runs in the checker's process, as checks do. It knows no bug.
"""

from __future__ import annotations

from typing import Any

from labkit.lab.peer import Peer
from labkit.tape.tape import Tape
from labkit.teaching.practice_form import expect
from labkit.teaching.practice_reading import calls

CAST = (
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "niaj",
    "olivia", "peggy", "rupert", "sybil",
)  # fmt: skip


def company(bench: Any, size: int = 0, **options: Any) -> tuple[Any, Peer, list[Peer]]:
    """(a stage, one of its peers, the others): two to four in all, or `size`, all accepted, in any order."""
    stage = bench.open(**options)
    peers = []
    for name in bench.rng.sample(CAST, size or bench.rng.randrange(2, 5)):
        peers.append(stage.connect(name))
        stage.step(2)
    chosen = peers.pop(bench.rng.randrange(len(peers)))
    return stage, chosen, peers


def drain(stage: Any, peer: Peer, total: int, rounds: int = 80) -> bytes:
    """What reaches a peer that reads on while the loop makes iterations; ends when nothing moves."""
    got, idle = bytearray(), 0
    for _ in range(rounds):
        stage.step(2)
        more = stage.take(peer, total - len(got), within=0.05)
        got += more
        idle = 0 if more else idle + 1
        if len(got) >= total or peer.eof or idle > 3:
            break
    return bytes(got)


def answers(stage: Any, peer: Peer, data: bytes, wanted: bytes) -> None:
    """`data` is answered by `wanted`: what a mend must not break."""
    stage.send(peer, data)
    stage.step(4)
    got = stage.take(peer, len(wanted))
    expect(
        got == wanted,
        f"{peer.name} sends {data!r:.40} and gets {wanted!r:.40}.",
        f"They got {got!r:.40}.",
        stage.last,
    )


def comes_to_rest(stage: Any) -> None:
    """Nothing is ready any more after a few iterations."""
    expect(stage.quiet(30), "The loop sleeps when there is nothing to do.", "It never does.", stage.last)


def most_reads(tape: Tape, fd: int) -> tuple[int, int]:
    """(how many, iteration): the most recvs of one fd in one iteration."""
    counts: dict[int, int] = {}
    for index, _, _ in calls(tape, fd, "recv"):
        counts[index] = counts.get(index, 0) + 1
    index = max(counts, key=lambda each: counts[each], default=0)
    return counts.get(index, 0), index
