"""A Crowd: many clients of one server, in a process of their own, idle until they are told to echo.

They are real TCP clients on loopback. They know the address of a server and nothing of its loop.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import sys
import time
from operator import index
from pathlib import Path
from typing import Any, Self

from labkit import kernel

BE_A_CROWD = "from labkit.lab.crowd import be_a_crowd; be_a_crowd()"


class Crowd:
    """Many clients of one server, in a process of their own, so that they cost the loop's process nothing.

    `size` connections are made, `within` so many seconds, and stay idle until `echo` is called. The process
    ends with `close()`, and by itself when this one dies. It has a process group of its own: an interrupt of
    this one is not for it.
    """

    def __init__(self, address: tuple[str, int], size: int, *, within: float = 60.0) -> None:
        size = index(size)
        soft, _ = kernel.fd_limit()
        if not 0 < size <= soft - 32:
            raise ValueError(
                f"a crowd of {size:,} does not fit: a process here may have {soft:,} fds open "
                f"(ulimit -n). Ask for 1 to {soft - 32:,}, or raise it with `ulimit -n {size + 64}`."
            )
        self.size, self.within = size, within
        self._ports: frozenset[int] | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-c", BE_A_CROWD, address[0], str(address[1]), str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
            cwd=Path(__file__).parent.parent,
        )

    def answers(self) -> bool:
        """Whether the crowd has something to say, so that `ready` or `result` need not wait."""
        out = self._process.stdout
        return self._ports is not None or (out is not None and _readable(out.fileno(), 0))

    def ready(self) -> int:
        """Wait until all are connected; how many are. The loop must be running, or its backlog fills.

        They are connected when the server's kernel says so (listen(2)); the server may still have to accept.
        """
        return len(self.ports())

    def ports(self) -> frozenset[int]:
        """The ports that its ends have, once all are connected: waits as `ready` does."""
        if self._ports is None:
            self._ports = frozenset(self._answer()["ports"])
        return self._ports

    def echo(self, active: int = 1, *, seconds: float = 1.0, size: int = 64) -> dict[str, float]:
        """Let `active` of them send `size` bytes, wait for them to come back, and again, for `seconds`.

        Returns round_trips, seconds, and the median and 99th percentile of one round trip in ns.
        """
        self.start_echo(active, seconds=seconds, size=size)
        return self._answer(seconds)

    def start_echo(self, active: int = 1, *, seconds: float = 1.0, size: int = 64) -> None:
        """As `echo` (`active` clients, for `seconds`), but returns at once; `result()` waits for the end."""
        order = {"active": min(active, self.size), "seconds": seconds, "size": size}
        self._seconds = seconds
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, float]:
        """What the echo that start_echo() began gave, as `echo` returns it; it is waited for."""
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
        with contextlib.suppress(subprocess.TimeoutExpired):
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


def be_a_crowd() -> None:
    host, port, size = sys.argv[1:]
    try:
        connections = [socket.create_connection((host, int(port)), 10) for _ in range(int(size))]
    except OSError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    for each in connections:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        each.setblocking(False)
    print(json.dumps({"ports": [each.getsockname()[1] for each in connections]}), flush=True)
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
