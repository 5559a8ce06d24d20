"""Our Loop as a lab runs it: what handlers raise goes on the tape, and its listener may rest.

It knows a recorder, and nothing of the thread that it runs in.
"""

from __future__ import annotations

import socket
import traceback
from typing import Any

from labkit import kernel
from labkit.loop import READ, Channel, Listener, Loop
from labkit.record.recorder import Recorder

HOST = "127.0.0.1"
BACKLOG = 128  # connections that may wait to be accepted


class RecordedLoop(Loop):
    """A Loop whose handlers' errors go on the tape, and whose listener rests while there is no fd left.

    A listener that cannot accept stays ready: its loop would spin (accept(2), EMFILE).
    """

    recorder: Recorder
    may_rest = True
    resting: Channel | None = None  # the listener that is not asked about until there is an fd for it

    def on_error(self, channel: Channel, error: BaseException) -> None:
        text = f"{type(error).__name__}: {kernel.fd_limit_named(error)}"
        if self.may_rest and isinstance(channel, Listener) and kernel.is_fd_shortage(error):
            self.resting = channel
            channel.declare(0)
            text += ". The listener is not asked about until an fd is free"
        self.recorder.error(self.recorder.sockets.fd_of(channel.socket), text)  # also of a closed one

    def wake_listener(self) -> None:
        """Ask about the listener again, if there is an fd for whom it accepts."""
        if self.resting is not None and kernel.an_fd_is_free():
            listener, self.resting = self.resting, None
            listener.declare(READ)


class Waker(Channel):
    """A socket pair of the lab's own, in the interest set while the loop runs, to end its sleep."""

    def handle_read(self) -> None:
        self.recv(64)


def listen(recorder: Recorder, buffers: int | None) -> socket.socket:
    """A socket that listens on loopback, whose calls `recorder` is told."""
    with kernel.naming_the_fd_limit():
        listener = recorder.socket(socket.AF_INET, socket.SOCK_STREAM)
    if buffers:  # before listen: an accepted socket inherits them (tcp(7))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((HOST, 0))
    listener.listen(BACKLOG)
    return listener


def raised_by(error: BaseException, callers: tuple[str, ...], called: str) -> Any:
    """The channel whose handler raised; None if it was the wait itself.

    `callers` are the functions of a loop that call handlers, `called` their name for the one they handle.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name in callers and called in frame.f_locals:
            return frame.f_locals[called]
    return None
