"""Programs of random steps on a pair of sockets, and all that such a program sees: to be run watched and not.

Four worlds: a selector, an asyncio loop, asyncore's dispatchers, and two threads with a selector each; each
of them on AF_UNIX sockets, and over TCP. Every way in which a socket moves bytes is tried, with
values of every kind.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import copy
import ctypes
import decimal
import enum
import fractions
import functools
import os
import pickle
import random
import re
import selectors
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy

from labkit import watch
from labkit.record.recorder import Recorder

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        import asyncore
    except ImportError:  # 3.12 and newer without the package pyasyncore
        asyncore = None

Step = tuple[str, int, int, int]  # what is done, at which end, with how many, of which kind
Sizes = enum.IntEnum("Sizes", [(f"S{n}", n) for n in range(41)])  # type: ignore[misc]
DATA: list[Callable[[bytes], Any]] = [
    bytes,
    bytearray,
    memoryview,
    lambda data: array.array("B", data),
    lambda data: array.array("I", data[: len(data) // 4 * 4]),
    lambda data: (ctypes.c_uint16 * (len(data) // 2)).from_buffer_copy(data),
    lambda data: numpy.frombuffer(data, numpy.uint8),
    lambda data: numpy.float64(len(data)),
    lambda data: memoryview(data)[::2],
    lambda data: "text",
    lambda data: None,
]
NUMBERS: list[Callable[[int], Any]] = [
    int,
    Sizes,
    numpy.int64,
    numpy.float64,
    fractions.Fraction,
    decimal.Decimal,
    ctypes.c_int,
    bool,
    str,
    lambda n: -n,
    lambda n: float("nan"),
]
ROOM: list[Callable[[int], Any]] = [
    bytearray,
    lambda n: memoryview(bytearray(n)),
    lambda n: array.array("H", bytes(n // 2 * 2)),
    lambda n: (ctypes.c_int32 * (n // 4 or 1))(),
    lambda n: numpy.zeros(n, numpy.uint8),
    bytes,
    lambda n: "text",
]


def data(n: int, kind: int) -> Any:
    return DATA[kind % len(DATA)](bytes(range(n)))


def number(n: int, kind: int) -> Any:
    return NUMBERS[kind % len(NUMBERS)](n)


def room(n: int, kind: int) -> Any:
    return ROOM[kind % len(ROOM)](n)


def through_file(sock: Any, mode: str, act: Callable[[Any], Any]) -> Any:
    with sock.makefile(mode, buffering=0) as file:
        return act(file)


def send_file(sock: Any, n: int, kind: int) -> Any:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(n))
        return sock.sendfile(file, *([kind % 5, n] if kind % 2 else []))


def into(sock: Any, n: int, kind: int, way: str, *more: Any) -> Any:
    space = room(n, kind)
    return getattr(sock, way)([space, bytearray(3)] if way == "recvmsg_into" else space, *more), space


def copied(sock: Any, act: Callable[[Any], Any]) -> Any:
    with sock.dup() as other:
        return type(other) is type(sock), act(other)


DEEDS: dict[str, Callable[[Any, int, int], Any]] = {
    "send": lambda sock, n, kind: sock.send(data(n, kind)),
    "sendall": lambda sock, n, kind: sock.sendall(data(n, kind)),
    "sendmsg": lambda sock, n, kind: sock.sendmsg(each for each in (data(n, kind), b"more")),
    "sendto": lambda sock, n, kind: sock.sendto(data(n, kind), "/nowhere"),
    "sendfile": send_file,
    "send flags": lambda sock, n, kind: sock.send(data(n, 0), [0, socket.MSG_OOB, Sizes.S0, "x"][kind % 4]),
    "os.write": lambda sock, n, kind: os.write(sock.fileno(), data(n, kind)),
    "file.write": lambda sock, n, kind: through_file(sock, "wb", lambda file: file.write(data(n, kind))),
    "dup send": lambda sock, n, kind: copied(sock, lambda other: other.send(data(n, kind))),
    "recv": lambda sock, n, kind: sock.recv(number(n, kind)),
    "peek": lambda sock, n, kind: sock.recv(number(n, kind), socket.MSG_PEEK),
    "recv_into": lambda sock, n, kind: into(sock, n, kind, "recv_into", number(n // 2, kind)),
    "recvfrom": lambda sock, n, kind: sock.recvfrom(number(n, kind)),
    "recvfrom_into": lambda sock, n, kind: into(sock, n, kind, "recvfrom_into"),
    "recvmsg": lambda sock, n, kind: sock.recvmsg(number(n, kind), 0, [0, socket.MSG_PEEK][kind % 2]),
    "recvmsg_into": lambda sock, n, kind: into(sock, n, kind, "recvmsg_into"),
    "os.read": lambda sock, n, kind: os.read(sock.fileno(), n),
    "file.read": lambda sock, n, kind: through_file(sock, "rb", lambda file: file.read(n)),
    "dup recv": lambda sock, n, kind: copied(sock, lambda other: other.recv(n)),
    "pickle": lambda sock, n, kind: [pickle.dumps, copy.copy, copy.deepcopy][kind % 3](sock),
    "looks": lambda sock, n, kind: (type(sock).__qualname__, type(sock).__module__, dir(sock)),
    "repr": lambda sock, n, kind: repr(sock),
    "options": lambda sock, n, kind: (sock.gettimeout(), sock.family, sock.type, sock.proto, sock.fileno()),
    "accept": lambda sock, n, kind: sock.accept(),
    "connect": lambda sock, n, kind: [sock.connect, sock.connect_ex][kind % 2]("/nowhere"),
    "shutdown": lambda sock, n, kind: sock.shutdown(number(n % 4, kind)),
    "detach": lambda sock, n, kind: sock.detach(),
    "close": lambda sock, n, kind: sock.close(),
}
SELDOM = ("shutdown", "detach", "close")
OFTEN = ("send", "recv", "wait", "wait", "wait", "modify", "unregister")


def random_steps(chance: random.Random) -> list[Step]:
    """Some steps of a program, those seldom that end a connection."""
    usual = [name for name in DEEDS if name not in SELDOM] + list(OFTEN) * 2
    names = [chance.choice(SELDOM if chance.random() < 0.03 else usual) for _ in range(chance.randrange(40))]
    return [(name, chance.randrange(2), chance.randrange(41), chance.randrange(30)) for name in names]


def seen(act: Callable[[], Any]) -> Any:
    """What an act gives or raises, as text that is the same in every run: without addresses and ports."""
    try:
        found = act()
    except Exception as error:
        found = (type(error), str(error))
    text = re.sub(r" at 0x[0-9a-f]+", "", repr((type(found).__name__, found)))
    return re.sub(r"(127\.0\.0\.1\W+)\d+", r"\1port", text)


Ends = Callable[[], list[socket.socket]]


def unix() -> list[socket.socket]:
    made = list(socket.socketpair())
    for each in made:
        each.setblocking(False)
    return made


def tcp() -> list[socket.socket]:
    """What one end sends over loopback has come before the call returns, unless Nagle keeps it (tcp(7))."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = [socket.create_connection(listener.getsockname()), listener.accept()[0]]
    for each in made:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        each.setblocking(False)
    return made


@contextlib.contextmanager
def closing(pair: list[Any]) -> Any:
    """Close what a program leaves, also what it has detached."""
    fds = [each.fileno() for each in pair]
    try:
        yield
    finally:
        for fd, sock in zip(fds, pair, strict=True):
            if sock.fileno() < 0:
                with contextlib.suppress(OSError):
                    os.close(fd)
            sock.close()


# ---- the worlds: each returns what the program has seen ----------------------------------------------------


def with_selector(steps: list[Step], watched: bool, ends: Ends) -> list[Any]:
    told, pair = [], ends()
    known = list(pair)
    if watched:
        pair = [Recorder().sockets.record(each) for each in pair]
    selector = selectors.SelectSelector()
    more: dict[str, Callable[[Any, int, int], Any]] = {
        "wait": lambda sock, n, kind: sorted(
            (known.index(key.fileobj), events) for key, events in selector.select(number(0, kind))
        ),
        "modify": lambda sock, n, kind: (
            selector.modify if sock in selector.get_map() else selector.register
        )(sock, number(n % 4, kind % 2), kind)[2:],
        "unregister": lambda sock, n, kind: selector.unregister(sock)[2:],
    }
    with closing(pair), selector, watch(selector) if watched else contextlib.nullcontext():
        for name, end, n, kind in steps:
            told.append((name, seen(lambda: (DEEDS | more)[name](pair[end], n, kind))))  # noqa: B023
    return told


def with_asyncio(steps: list[Step], watched: bool, ends: Ends) -> list[Any]:
    told: list[Any] = []

    async def main() -> None:
        loop, pair = asyncio.get_running_loop(), ends()
        more: dict[str, Callable[[Any, int, int], Any]] = {
            "modify": lambda sock, n, kind: [loop.add_reader, loop.add_writer][kind % 2](
                sock, told.append, ("called", pair.index(sock), kind % 2)
            ),
            "unregister": lambda sock, n, kind: [loop.remove_reader, loop.remove_writer][kind % 2](sock),
        }
        waits: list[Callable[[Any, int], Any]] = [
            lambda sock, n: loop.sock_recv(sock, n),
            lambda sock, n: loop.sock_recv_into(sock, bytearray(n)),
            lambda sock, n: loop.sock_sendall(sock, bytes(n)),
            lambda sock, n: asyncio.sleep(0),
        ]
        with closing(pair), watch(loop, calls=True) if watched else contextlib.nullcontext():
            for name, end, n, kind in steps:
                if name == "wait":
                    task = asyncio.ensure_future(waits[kind % 4](pair[end], n))
                    for _ in range(4):  # turns of the loop
                        await asyncio.sleep(0)
                    task.cancel()
                    (found,) = await asyncio.gather(task, return_exceptions=True)
                    told.append((name, seen(lambda: found)))  # noqa: B023
                else:
                    told.append((name, seen(lambda: (DEEDS | more)[name](pair[end], n, kind))))  # noqa: B023
            for sock in pair:
                with contextlib.suppress(ValueError, OSError):
                    loop.remove_reader(sock), loop.remove_writer(sock)

    asyncio.run(main())
    return told


def with_asyncore(steps: list[Step], watched: bool, ends: Ends) -> list[Any]:
    told: list[Any] = []

    class End(asyncore.dispatcher):
        wants = (True, True)

        def readable(self) -> bool:
            return self.wants[0]

        def writable(self) -> bool:
            return self.wants[1]

        def handle_read(self) -> None:
            told.append(("read", seen(lambda: self.recv(7))))

        def handle_write(self) -> None:
            told.append(("write", seen(lambda: self.send(b"xyz"))))

        def handle_close(self) -> None:
            told.append(("closed", seen(self.close)))

        def handle_error(self) -> None:
            told.append(("error", seen(lambda: asyncore.compact_traceback()[1:3])))

    map: dict[int, Any] = {}
    pair = ends()
    dispatchers = [End(sock, map) for sock in pair]
    more: dict[str, Callable[[Any, int, int], Any]] = {
        "wait": lambda sock, n, kind: [asyncore.poll, asyncore.poll2][kind % 2](0.0, map),
        "modify": lambda sock, n, kind: setattr(
            dispatchers[pair.index(sock)], "wants", (bool(n & 1), bool(n & 2))
        ),
        "unregister": lambda sock, n, kind: dispatchers[pair.index(sock)].del_channel(map),
    }
    with closing(pair), watch(asyncore) if watched else contextlib.nullcontext():
        for name, end, n, kind in steps:
            told.append((name, seen(lambda: (DEEDS | more)[name](pair[end], n, kind))))  # noqa: B023
    return told


def with_two_threads(steps: list[Step], watched: bool, ends: Ends) -> list[Any]:
    """The same program in two threads at once; numbers of fds, for which they race, are left out."""
    told: list[list[Any]] = [[], []]

    def run(at: int) -> None:
        for name, found in with_selector([step for step in steps if step[0] not in NUMBERED], watched, ends):
            told[at].append((name, re.sub(r"fd=-?\d+", "", found)))

    threads = [threading.Thread(target=run, args=(at,)) for at in (0, 1)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    return told


NUMBERED = ("options", "repr", "detach", "os.read", "os.write", "close")  # whose fd another may have by now
RUNS: dict[str, Callable[[list[Step], bool, Ends], list[Any]]] = {
    "selector": with_selector,
    "asyncio": with_asyncio,
    "two threads": with_two_threads,
}
if asyncore is not None:
    RUNS["asyncore"] = with_asyncore
WORLDS: dict[str, Callable[[list[Step], bool], list[Any]]] = {
    name + over: functools.partial(run, ends=ends)
    for name, run in RUNS.items()
    for over, ends in (("", unix), (" over TCP", tcp))
}
