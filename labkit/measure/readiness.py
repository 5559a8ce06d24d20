"""What select, poll and epoll say of one socket, in the kernel's own words.

It asks once and does not wait. It knows neither loops nor tapes.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Literal

from labkit.measure.call import measured
from labkit.measure.pair import pair

SETTLES = 0.01  # s; what one end does has reached the other by then


def flag_names(bits: int, family: Literal["POLL", "EPOLL"]) -> str:
    """The flags of poll(2) or epoll(7) that are set in `bits`, by name: "EPOLLIN EPOLLHUP"."""
    names = [name for name in dir(select) if name.startswith(family) and name.isupper()]
    kinds = {bit: name for name in names for bit in [getattr(select, name)] if bit & bits}
    return " ".join(sorted(kinds.values()))


def stands_for(number: int, epoll: select.epoll, named: dict[str, socket.socket]) -> dict[str, str]:
    """Which of the named sockets an fd means now, and which the entry that `epoll` keeps under it, by inode.

    {"fd 700": name, "epoll's entry 700": name}. epoll's own table is read from /proc (proc(5), fdinfo).
    """
    names = {os.fstat(sock.fileno()).st_ino: name for name, sock in named.items()}
    with open(f"/proc/self/fdinfo/{epoll.fileno()}") as lines:
        entries = dict(re.findall(r"tfd: +(\d+) .* ino:(\w+)", lines.read()))
    now, kept = os.fstat(number).st_ino, int(entries[str(number)], 16)
    return {f"fd {number}": names[now], f"epoll's entry {number}": names[kept]}


def what_they_say(sock: socket.socket) -> list[str]:
    """[select's answer, poll's, epoll's] about `sock`, asked about everything and not waiting.

    select's is R, W and X for its three sets. Where there is no epoll (macOS) its answer is "–".
    """
    readable, writable, exceptional = select.select([sock], [sock], [sock], 0)
    by_select = "R" * len(readable) + "W" * len(writable) + "X" * len(exceptional)
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT)
    by_poll = flag_names(sum(bits for _, bits in poll.poll(0)), "POLL")
    return [by_select or "nothing", by_poll or "nothing", _by_epoll(sock)]


def _by_epoll(sock: socket.socket) -> str:
    if sys.platform != "linux":
        return "–"
    with select.epoll() as epoll:
        epoll.register(sock, select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP)
        return flag_names(sum(bits for _, bits in epoll.poll(0)), "EPOLL") or "nothing"


@contextlib.contextmanager
def watched_by_all(fd: int) -> Iterator[Callable[[], list[str]]]:
    """Register `fd` with a poll and an epoll; what is yielded asks select, poll and epoll about it."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    with select.epoll() as epoll:
        epoll.register(fd, select.EPOLLIN)

        def say() -> list[str]:
            by_select = measured(select.select, [fd], [], [], 0)
            return [
                str(by_select.outcome)
                if by_select.error
                else "readable"
                if by_select.result[0]
                else "nothing",
                flag_names(sum(bits for _, bits in poll.poll(0)), "POLL") or "nothing",
                flag_names(sum(bits for _, bits in epoll.poll(0)), "EPOLL") or "nothing",
            ]

        yield say


def after(done: Callable[[socket.socket], object], sent: bytes = b"") -> list[str]:
    """what_they_say of one end of a connection, after it has `sent` something and `done(the other end)`."""
    with pair() as (here, there):
        here.sendall(sent)
        time.sleep(SETTLES if sent else 0)
        done(there)
        time.sleep(SETTLES)
        return what_they_say(here)


def reset(sock: socket.socket) -> None:
    """Close `sock` with a reset (RST) instead of a good-bye: SO_LINGER of zero seconds (socket(7))."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
