"""A connection counted at both ends: where every byte is that either end has sent.

It asks two kernels' queues (the loop's end and the peer's) and two programs' counters at the same moment, and
knows when they cannot be of the same moment. It knows nothing of loops.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from labkit import kernel
from labkit.lab.peer import Peer
from labkit.tape.turn import Account

ARRIVES_WITHIN = 0.01  # seconds in which a segment on loopback arrives, if it does at all
SETTLES_WITHIN = 1.0  # seconds after which bytes that nobody has are missing


class Counter:
    """Counts connections; one for each thread."""

    def __init__(self) -> None:
        self._recv_queue, self._send_queue = kernel.queue_readers()

    def count(
        self, sock: socket.socket, peer: Peer | None, received: int, sent: int, *, patient: bool
    ) -> tuple[tuple[int | None, int | None], tuple[Any, ...] | None]:
        """((recv_queue, send_queue) of `sock`, the fields of its Account, or None without a peer).

        `received` and `sent` are what was seen to pass through the loop's socket; if that does not add up,
        the kernel is asked what passed there unseen, through os.read(2) for one. A patient count waits for
        segments that are under way inside the kernel; any other says that the peer is moving.
        """
        if peer is None:
            return self._near(sock), None
        began = time.monotonic()
        while True:
            before = peer.busy
            far, near = peer.queues(), self._near(sock)
            moving = before != peer.busy or bool(before & 1)
            unread, unsent = far or (0, 0)
            account = Account(
                peer.sent, unsent, received, sent, unread, peer.received, far is not None, moving
            )
            recv_queue, send_queue = near
            if far is None or moving or recv_queue is None or send_queue is None:
                return near, tuple(account)
            inwards, outwards = _missing(account, recv_queue, send_queue)
            if not inwards and not outwards:
                return near, tuple(account)
            passed, waited = kernel.transferred(sock), time.monotonic() - began
            if passed not in (None, (received, sent)) and waited < SETTLES_WITHIN:
                received, sent = passed
                continue
            if not patient or waited > ARRIVES_WITHIN:
                # A segment that found no room is dropped, and its bytes stay with the sender, to be sent
                # again (RFC 9293 3.8): sent, not acknowledged, and not there.
                if _under_way(inwards, peer.fileno()) and _under_way(outwards, sock.fileno()):
                    return (recv_queue, send_queue + outwards), tuple(
                        account._replace(peer_unsent=unsent + inwards)
                    )
                if passed is None or not patient or waited > SETTLES_WITHIN:  # or nobody can say
                    return near, tuple(account._replace(moving=passed is None or not patient))
            time.sleep(0.001)

    def _near(self, sock: socket.socket) -> tuple[int | None, int | None]:
        """(recv_queue, send_queue) of the loop's end, in bytes: a FIN in the queue is none."""
        fd = sock.fileno()
        recv_queue, send_queue = self._recv_queue(fd), self._send_queue(fd)
        if send_queue and kernel.fin_waits(sock):
            send_queue -= 1
        return recv_queue, send_queue


def _missing(account: Account, recv_queue: int, send_queue: int) -> tuple[int, int]:
    """How many bytes nobody has, on the way in and on the way out."""
    inwards = account.peer_sent - account.received - recv_queue - account.peer_unsent
    outwards = account.sent - account.peer_received - account.peer_unread - send_queue
    return inwards, outwards


def _under_way(missing: int, sender: int) -> bool:
    """Whether bytes that are not at the receiver may be with the sender still."""
    return missing == 0 or 0 < missing <= (kernel.unacknowledged(sender) or 0)
