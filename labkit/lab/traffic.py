"""What peers do in the lessons' scripts: ask and wait for the answer, send more than is read, read on.

They use peers and labs as a reader would by hand. Nothing here waits without a limit.
"""

from __future__ import annotations

import select
import time

from labkit.lab.lab import Lab
from labkit.lab.peer import Peer
from labkit.tape.tape import Tape

ANSWERED_WITHIN = 2.0  # seconds
A_LITTLE_LATER = 0.3  # the kernel may acknowledge up to 40 ms late (tcp(7)), and probe after 200


def waits(data: bytes, *peers: Peer) -> list[float]:
    """All peers send `data` at once; how many ms each waits until an answer is there, which it takes."""
    began = time.perf_counter()
    for peer in peers:
        peer.send(data)
    waited: dict[Peer, float] = {}
    while len(waited) < len(peers):
        silent = [peer for peer in peers if peer not in waited]
        came = select.select(silent, [], [], ANSWERED_WITHIN)[0]
        if not came:
            raise TimeoutError(
                f"{silent[0].name} had no answer within {ANSWERED_WITHIN:g} s: does the lab run?"
            )
        for peer in came:
            peer.recv()
            waited[peer] = (time.perf_counter() - began) * 1000
    return [waited[peer] for peer in peers]


def flood(lab: Lab, peer: Peer, times: int = 200, size: int = 1024) -> int:
    """The peer sends `size` bytes and the lab takes a step, again and again; how many times it could.

    It ends before `times` if the peer's kernel takes nothing, not even a little later.
    """
    for sent in range(times):
        if not peer.send(bytes(size)):
            time.sleep(A_LITTLE_LATER)
            if not peer.send(bytes(size)):
                return sent
        lab.step()
    return times


def read_on(lab: Lab, peer: Peer, size: int = 1024) -> None:
    """The peer takes `size` bytes at a time, with a step after each, until nothing moves any more."""
    while True:
        moved = peer.recv(size) or lab.step().calls
        if moved:
            lab.step()
        elif not select.select([peer], [], [], A_LITTLE_LATER)[0]:
            return


PLACES = ("peer, unread", "send queue", "write buffer", "receive queue", "peer, unsent")
ANSWERS = PLACES[:3]  # where the bytes of an answer may stand


def standing(tape: Tape, fd: int) -> dict[str, list[int]]:
    """The bytes of a connection at each of its places, from the far end of the answer back to the sender."""
    rows = []
    for it in tape:
        if fd in it.queues and fd in it.accounts:
            held, account = it.queues[fd], it.accounts[fd]
            places = (
                account.peer_unread,
                held.send_queue,
                held.write_buffer,
                held.recv_queue,
                account.peer_unsent,
            )
            rows.append([each or 0 for each in places])
    return {place: [row[at] for row in rows] for at, place in enumerate(PLACES)}


def filled(lanes: dict[str, list[int]]) -> list[str]:
    """The places of an answer, of what `standing` found, in the order in which each first held bytes."""
    first = {place: next((at for at, held in enumerate(lanes[place]) if held), None) for place in ANSWERS}
    return sorted((place for place, at in first.items() if at is not None), key=lambda each: first[each] or 0)
