"""Several processes that wait on one listener: how many of them does one client wake?

    python -m labkit.measure.herd PROCESSES CLIENTS [exclusive]

It forks, so it runs as a process of its own: `herd()` starts one, and reads what was counted. Linux only.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

QUIET = 1.0  # s without a client: that is the end
LOOK = 0.001  # s between two looks whether all processes sleep again
PATIENCE = 0.5  # s until the next client comes all the same
AT_MOST = 60  # s that a process lives


class Herd(NamedTuple):
    """What the processes did, added up."""

    woken: int  # by the kernel: how often they gave up the CPU to wait (ru_nvcsw, getrusage(2))
    reported: int  # how often their epoll_wait returned with an event
    accepted: int  # how often one got a client


def herd(*, exclusive: bool, processes: int = 8, clients: int = 100) -> Herd:
    """`clients` connect one after the other; all `processes` wait for them on the same listener.

    `exclusive` registers the listener with EPOLLEXCLUSIVE (epoll_ctl(2)).
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(processes), str(clients), *["exclusive"] * exclusive],
        capture_output=True,
        timeout=2 * AT_MOST,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return Herd(*json.loads(done.stdout))


def _main(processes: int, clients: int, exclusive: bool) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2 * clients)
    listener.setblocking(False)
    pipes = [os.pipe() for _ in range(processes)]
    workers = []
    for _, into in pipes:
        pid = os.fork()
        if pid == 0:
            signal.alarm(AT_MOST)
            _worker(listener, into, exclusive)
            os._exit(0)
        workers.append(pid)
    for out, _ in pipes:
        os.read(out, 1)  # it is ready
    for _ in range(clients):
        _let_sleep(workers)
        socket.create_connection(listener.getsockname()).close()
    counted = [json.loads(os.read(out, 99)) for out, _ in pipes]
    for _ in pipes:
        os.wait()
    print(json.dumps([sum(each) for each in zip(*counted, strict=True)]))


def _let_sleep(workers: list[int]) -> None:
    """Wait until all processes sleep (proc_pid_stat(5)): who is awake is not woken, nor counted."""
    until = time.monotonic() + PATIENCE
    states: set[str] = set()
    while states != {"S"} and time.monotonic() < until:
        time.sleep(LOOK)
        stats = (Path(f"/proc/{pid}/stat").read_text(encoding="utf-8") for pid in workers)
        states = {each.rpartition(")")[2].split()[0] for each in stats}


def _worker(listener: socket.socket, into: int, exclusive: bool) -> None:
    with select.epoll() as epoll:
        epoll.register(listener, select.EPOLLIN | (select.EPOLLEXCLUSIVE if exclusive else 0))
        reported = accepted = 0
        os.write(into, b"!")
        sleeps = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        while epoll.poll(QUIET):
            reported += 1
            try:
                listener.accept()[0].close()
                accepted += 1
            except BlockingIOError:
                pass  # another was faster
        sleeps = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - sleeps
    os.write(into, json.dumps([sleeps - 1, reported, accepted]).encode())


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]), "exclusive" in sys.argv)
