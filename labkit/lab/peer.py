"""The far ends: a Peer that the reader drives by hand, and a Crowd in a process of its own.

Both are real TCP clients on loopback. They know the address of a server and nothing of its loop.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

from labkit import kernel

CONNECT_WITHIN = 5.0  # seconds
BE_A_CROWD = "from labkit.lab.peer import _be_a_crowd; _be_a_crowd()"
Action = Literal["connect", "send", "recv", "shutdown", "close", "reset"]


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
        on_action: Callable[[Peer, Action, int | None, int | None, int], None] | None = None,
    ) -> None:
        self.name = name
        self.sent = self.received = 0
        self.eof = False  # the server will send no more
        self.half_closed = False
        self.busy = 0  # odd while an action is under way, so that nobody counts in the middle of one
        self._tell = on_action
        self._readers = kernel.queue_readers()
        self._errno = 0
        with kernel.naming_the_fd_limit():
            self.socket = socket.socket()
        try:
            if buffers:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.settimeout(CONNECT_WITHIN)
            self.socket.connect(address)
            self.socket.setblocking(False)
        except TimeoutError:
            self.socket.close()
            raise TimeoutError(
                f"{name} was not connected within {CONNECT_WITHIN:g} s: the listener's backlog is full. "
                "Let the loop accept those who wait: lab.step(n), or lab.run()"
            ) from None
        except OSError:
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
        taken = self._try("send", len(data), lambda: self.socket.send(data))
        self.sent += taken or 0
        self._settle("send", len(data), taken)
        return taken or 0

    def recv(self, size: int = 65536) -> bytes:
        """Take up to `size` bytes that have arrived; b"" if none have; `eof` says if any will."""
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
        return self.socket.fileno()

    def queues(self) -> tuple[int, int] | None:
        """(bytes unread, bytes unsent) in this end's kernel queues; None once it is closed."""
        unread, unsent = (ask(self.socket.fileno()) for ask in self._readers)
        if unread is None or unsent is None:
            return None
        # A FIN that waits behind unsent bytes takes a number of its own (tcp(7), RFC 9293 3.4).
        return unread, unsent - 1 if self.half_closed and unsent else unsent

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


class Crowd:
    """Many clients of one server, in a process of their own, so that they cost the loop's process nothing.

    `size` connections are made and stay idle until `echo` is called. The process ends with `close()`, and by
    itself when this one dies.
    """

    def __init__(self, address: tuple[str, int], size: int, *, within: float = 60.0) -> None:
        soft, _ = kernel.fd_limit()
        if not 0 < size <= soft - 32:
            raise ValueError(
                f"a crowd of {size:,} does not fit: a process here may have {soft:,} fds open "
                f"(ulimit -n). Ask for 1 to {soft - 32:,}, or raise it with `ulimit -n {size + 64}`."
            )
        self.size, self.within = size, within
        self._process = subprocess.Popen(
            [sys.executable, "-c", BE_A_CROWD, address[0], str(address[1]), str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
        )

    def answers(self) -> bool:
        """Whether the crowd has something to say, so that `ready` or `result` need not wait."""
        out = self._process.stdout
        return out is not None and _readable(out.fileno(), 0)

    def ready(self) -> int:
        """Wait until all are connected; how many are. The loop must be running, or its backlog fills."""
        return int(self._answer()["connected"])

    def echo(self, active: int = 1, *, seconds: float = 1.0, size: int = 64) -> dict[str, float]:
        """Let `active` of them send `size` bytes, wait for them to come back, and again, for `seconds`.

        Returns round_trips, seconds, and the median and 99th percentile of one round trip in ns.
        """
        self.start_echo(active, seconds=seconds, size=size)
        return self._answer(seconds)

    def start_echo(self, active: int = 1, *, seconds: float = 1.0, size: int = 64) -> None:
        """As `echo`, but returns at once; `result()` waits for the end."""
        order = {"active": min(active, self.size), "seconds": seconds, "size": size}
        self._seconds = seconds
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, float]:
        return self._answer(self._seconds)

    def _answer(self, more: float = 0.0) -> dict[str, Any]:
        out = self._process.stdout
        assert out is not None
        ready = _readable(out.fileno(), self.within + more)
        line = out.readline() if ready else ""
        if not line:
            self.close()
            raise TimeoutError(f"the crowd of {self.size:,} gave no answer within {self.within + more:g} s")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            self.close()
            raise OSError(f"the crowd could not go on: {answer['error']}")
        return answer

    def close(self) -> None:
        """End the process; every connection is closed with it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(5)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _readable(fd: int, seconds: float) -> bool:
    """Whether there is something to read within `seconds`; unlike select(2), of any fd number."""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


def _be_a_crowd() -> None:
    host, port, size = sys.argv[1:]
    try:
        connections = [socket.create_connection((host, int(port)), 10) for _ in range(int(size))]
    except OSError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    for each in connections:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        each.setblocking(False)
    print(json.dumps({"connected": len(connections)}), flush=True)
    for line in sys.stdin:  # ends when the parent closes the pipe, or dies
        print(json.dumps(_echo(connections, **json.loads(line))), flush=True)


def _echo(connections: list[socket.socket], active: int, seconds: float, size: int) -> dict[str, float]:
    import selectors

    payload, trips = b"x" * size, []
    clock = time.perf_counter_ns
    with selectors.DefaultSelector() as selector:
        for each in connections[:active]:
            selector.register(each, selectors.EVENT_READ, [clock(), 0])
            each.send(payload)
        began, end = clock(), clock() + int(seconds * 1e9)
        waiting = active
        while waiting:
            now = clock()
            if now > end + 2_000_000_000:
                break
            for key, _ in selector.select(0.1):
                connection: Any = key.fileobj
                got = len(connection.recv(65536))
                key.data[1] += got
                if not got:
                    raise ConnectionResetError("the server closed a connection")
                if key.data[1] >= size:
                    now = clock()
                    trips.append(now - key.data[0])
                    key.data[:] = [now, 0]
                    if now < end:
                        connection.send(payload)
                    else:
                        waiting -= 1
        took = (clock() - began) / 1e9
    trips.sort()
    middle = trips[len(trips) // 2] if trips else 0
    late = trips[int(len(trips) * 0.99)] if trips else 0
    return {"round_trips": len(trips), "seconds": took, "median_ns": middle, "p99_ns": late}
