"""A Peer: the far end of one connection, a real TCP client on loopback that the reader drives by hand.

It knows the address of a server and nothing of its loop.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from operator import index
from typing import Any, Literal, Self

from labkit import kernel
from labkit.record.contents import Sent, received

CONNECT_WITHIN = 5.0  # seconds
Action = Literal["connect", "send", "recv", "shutdown", "close", "reset"]
OnAction = Callable[["Peer", Action, int | None, int | None, int], None]


class Peer:
    """One TCP client, non-blocking, that does only what it is told.

    `send` and `recv` return at once. `sent` and `received` count the bytes that its own kernel queue took
    and gave. `buffers` sets SO_SNDBUF and SO_RCVBUF in bytes (the kernel doubles them; socket(7)).
    """

    def __init__(
        self,
        address: tuple[str, int],
        name: str = "peer",
        *,
        buffers: int | None = None,
        on_action: OnAction | None = None,
    ) -> None:
        self.name = name
        self.busy = 0  # odd while an action is under way, so that nobody counts in the middle of one
        self.handed: tuple[Any, int] = (
            b"",
            0,
        )  # the latest send(): what, and how much was taken
        self._buffers = buffers
        self._readers = kernel.queue_readers()
        self.connect(address, on_action)

    def connect(self, address: tuple[str, int], on_action: OnAction | None = None) -> None:
        """Connect as a new client: a peer that is closed begins again. TimeoutError if nobody answers."""
        self._tell = on_action
        self.sent = self.received = 0
        self.eof = False  # the server will send no more
        self.half_closed = False
        self._errno = 0
        self._last = Sent()
        with kernel.naming_the_fd_limit():
            self.socket = socket.socket()
        try:
            if self._buffers:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._buffers)
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffers)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.settimeout(CONNECT_WITHIN)
            self.socket.connect(address)
            self.socket.setblocking(False)
        except TimeoutError:
            self.socket.close()
            raise TimeoutError(
                f"{self.name} was not connected within {CONNECT_WITHIN:g} s: the listener's backlog is full. "
                "Let the loop accept those who wait: lab.step(n), or lab.run()"
            ) from None
        except BaseException:  # an interrupt is one too
            self.socket.close()
            raise
        self.address = self.socket.getsockname()
        self._done("connect", None, 0, 0)

    @property
    def open(self) -> bool:
        return self.socket.fileno() >= 0

    def send(self, data: bytes | str) -> int:
        """Hand `data` to the kernel; returns how many bytes it took: 0 if its send queue is full (EAGAIN).

        Raises BrokenPipeError or ConnectionResetError if the server is gone, ValueError once closed.
        """
        if isinstance(data, str):
            data = data.encode()
        self.handed = b"", 0
        taken = self._try("send", len(data), lambda: self.socket.send(data))
        if taken:
            self.sent += taken
            self._last.add(data, taken, self.sent)
        self.handed = data, taken or 0
        self._settle("send", len(data), taken)
        return taken or 0

    def recv(self, size: int = 65536) -> bytes:
        """Take up to `size` bytes that have arrived; b"" if none have; `eof` says if any will."""
        size = index(size)
        data = self._try("recv", size, lambda: self.socket.recv(size))
        if data is None:
            self._settle("recv", size, None)
            return b""
        self.eof = self.eof or (not data and size > 0)
        self.received += len(data)
        self._settle("recv", size, len(data))
        return bytes(data)

    def shutdown(self) -> None:
        """Send no more (shutdown(2), SHUT_WR); what the server sends still arrives."""
        self._try("shutdown", None, lambda: self.socket.shutdown(socket.SHUT_WR))
        self.half_closed = True
        self._settle("shutdown", None, 0)

    def close(self) -> None:
        """Close as programs do. With bytes unread the kernel answers the server with a reset (tcp(7))."""
        if self.open:
            self.busy += 1
            self.socket.close()
            self._settle("close", None, 0)

    def reset(self) -> None:
        """Close with a reset (RST): SO_LINGER with zero seconds."""
        if self.open:
            self.busy += 1
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()
            self._settle("reset", None, 0)

    def fileno(self) -> int:
        """The fd of the peer's own socket; −1 once it is closed."""
        return self.socket.fileno()

    def queues(self) -> tuple[int, int] | None:
        """(bytes unread, bytes unsent) in this end's kernel queues; None once it is closed."""
        unread, unsent = (ask(self.socket.fileno()) for ask in self._readers)
        if unread is None or unsent is None:
            return None
        # A FIN that waits behind unsent bytes takes a number of its own (tcp(7), RFC 9293 3.4).
        return unread, unsent - 1 if self.half_closed and unsent else unsent

    def contents(self) -> tuple[bytes | None, bytes | None, Callable[[int], bytes | None]]:
        """The first bytes that are (unsent, unread) in this end's kernel queues; None: nobody can say.

        And a function that says the first of the last `count` bytes that this end has sent.
        """
        queues = self.queues()
        if queues is None:
            return None, None, self._front
        unread, unsent = queues
        return self._last.last(unsent, self.sent), received(self.fileno(), unread), self._front

    def _front(self, count: int) -> bytes | None:
        return self._last.last(count, self.sent)

    def _try(self, action: Action, asked: int | None, attempt: Callable[[], Any]) -> Any:
        if not self.open:
            raise ValueError(f"{self.name} is closed; connect another peer with lab.connect(…)")
        self.busy += 1
        self._errno = 0
        try:
            return attempt()
        except BlockingIOError as error:
            self._errno = error.errno or 0
            return None
        except OSError as error:
            self._errno = error.errno or 0
            self._settle(action, asked, None)
            raise
        except BaseException:  # a wrong argument: nothing was done
            self.busy += 1
            raise

    def _settle(self, action: Action, asked: int | None, result: int | None) -> None:
        self.busy += 1
        self._done(action, asked, result, self._errno)

    def _done(self, action: Action, asked: int | None, result: int | None, errno: int) -> None:
        if self._tell is not None:
            self._tell(self, action, asked, result, errno)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "open" if self.open else "closed"
        return f"<Peer {self.name}: {state}, sent {self.sent:,} B, received {self.received:,} B>"
