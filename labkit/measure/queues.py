"""What the kernel answers when it is asked how much a queue holds, and what the question costs.

The questions are ioctls (tcp(7), unix(7), udp(7)); Linux's numbers.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import select
import socket
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from labkit import kernel
from labkit.measure.pair import pair

SIOCOUTQNSD = 0x894B  # linux/sockios.h
QUESTIONS = {"FIONREAD": termios.FIONREAD, "SIOCOUTQ": termios.TIOCOUTQ, "SIOCOUTQNSD": SIOCOUTQNSD}
_answer = array.array("i", [0])


def ask(of: socket.socket | int, question: str) -> int | str:
    """The answer to one of QUESTIONS, in bytes, or the name of the error."""
    try:
        fcntl.ioctl(of, QUESTIONS[question], _answer)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return _answer[0]


def elsewhere() -> dict[str, list[int | str]]:
    """[FIONREAD of the one end, SIOCOUTQ of the other] for what is no TCP connection."""
    found: dict[str, list[int | str]] = {}
    with pair(family="unix") as (here, there):
        here.send(bytes(1000))
        found["AF_UNIX, 1,000 bytes sent"] = [ask(there, "FIONREAD"), ask(here, "SIOCOUTQ")]
    with pair(family="udp") as (here, there):
        here.send(bytes(10))
        here.send(bytes(20))
        found["UDP, 10 and 20 bytes sent"] = [ask(there, "FIONREAD"), ask(here, "SIOCOUTQ")]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found["a listener"] = [ask(listener, "FIONREAD"), ask(listener, "SIOCOUTQ")]
    out, into = os.pipe()
    os.write(into, bytes(7))
    found["a pipe, 7 bytes"] = [ask(out, "FIONREAD"), ask(into, "SIOCOUTQ")]
    os.close(out)
    os.close(into)
    return found


def late_bytes(count: int) -> int:
    """How many of `count` single bytes over loopback were not in the other's queue when send returned."""
    late = 0
    with pair() as (here, there):
        for _ in range(count):
            here.send(b"!")
            late += ask(there, "FIONREAD") != 1
            there.recv(1)
    return late


def questions(_: int) -> Iterator[Mapping[str, Callable[[], Any]]]:
    """For a sweep: questions about one fd, from the cheapest kind to a file in /proc."""
    with pair() as (here, _there), select.epoll() as epoll:
        fd, epoll_fd = here.fileno(), epoll.fileno()
        yield {
            "FIONREAD, reused array": lambda: fcntl.ioctl(fd, termios.FIONREAD, _answer),
            "FIONREAD, new bytes": lambda: fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"),
            "SIOCOUTQNSD": lambda: fcntl.ioctl(fd, SIOCOUTQNSD, _answer),
            "TCP_INFO": lambda: here.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104),
            "F_GETFL": lambda: fcntl.fcntl(fd, fcntl.F_GETFL),
            "thread_time": time.thread_time_ns,
            "fdinfo of an epoll": lambda: kernel.interest(epoll_fd),
        }
