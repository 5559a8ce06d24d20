"""The recording socket: it tells a recorder every call that moves bytes, accepts, connects or closes.

It is an ordinary socket whose class was changed in place, for a while or for good, to a subclass with the
same layout and name. So whoever holds it notices nothing: the same system calls are made in the same order,
and return and raise the same. What bytes do on its fd by other ways (os.read, a copy of the fd) it does not
see; kernel.transferred() does.
"""

from __future__ import annotations

import copyreg
import logging
import socket
import sys
import time
import weakref
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, Protocol

from labkit.tape.packing import number

log = logging.getLogger("labkit")
clock = time.perf_counter_ns


class Told(Protocol):
    """Whoever is told of calls: a Recorder, or several."""

    @property
    def closely(self) -> bool: ...  # whether `passes` is wanted before each call that moved bytes
    @property
    def note(self) -> Callable[[tuple[Any, ...]], None]: ...  # (fd, name, arg, result, errno, clock())
    @property
    def drained(self) -> Callable[[int], None]: ...  # the fd's receive queue was empty after a call
    def passes(self, fd: int, data: Any, count: int, *, sent: bool) -> None: ...
    def ends_sending(self, fd: int) -> None: ...
    def closes(self, fd: int) -> None: ...


class Several:
    """Several that are told of the same calls: those whom `told()` gives for the thread that makes one."""

    def __init__(self, told: Callable[[], Iterable[Told]]) -> None:
        self._told = told

    @property
    def closely(self) -> bool:
        return any(each.closely for each in self._told())

    def note(self, call: tuple[Any, ...]) -> None:
        for each in self._told():
            each.note(call)

    def drained(self, fd: int) -> None:
        for each in self._told():
            each.drained(fd)

    def passes(self, fd: int, data: Any, count: int, *, sent: bool) -> None:
        for each in self._told():
            if each.closely:
                each.passes(fd, data, count, sent=sent)

    def ends_sending(self, fd: int) -> None:
        for each in self._told():
            each.ends_sending(fd)

    def closes(self, fd: int) -> None:
        for each in self._told():
            each.closes(fd)


class Sockets:
    """The sockets that tell `told` their calls; who that is may change at any time.

    `kinds` are classes beside socket.socket that move bytes by recv(), send() and close().
    """

    def __init__(self, told: Told, kinds: tuple[type, ...] = ()) -> None:
        self.told, self._kinds = told, (socket.socket, *kinds)
        self._recording: dict[tuple[type, bool], type] = {}
        self._was: dict[type, type] = {}
        # The numbers that they have, or had.
        self._fds: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def record(self, sock: Any) -> Any:
        """From now on `sock` tells its calls; returns it. Anything but a socket is left alone."""
        kind = type(sock)
        if not issubclass(kind, self._kinds) or kind in self._was:  # a Mock says it is an instance
            return sock
        stream = isinstance(sock, socket.socket) and sock.type == socket.SOCK_STREAM
        if (kind, stream) not in self._recording:
            made = self._recording[kind, stream] = self._class(kind, stream)
            self._was[made] = kind
        try:
            sock.__class__ = self._recording[kind, stream]
            self.keep(sock)
        except TypeError:  # of another layout, or without a hash: it goes on unrecorded
            log.info("calls of %r cannot be recorded", kind)
        return sock

    def keep(self, sock: Any) -> Any:
        """Remember the number of a socket that is recorded."""
        self._fds[sock] = sock.fileno()
        return sock

    def release(self) -> None:
        """Every socket is again of the class that it was."""
        for sock in list(self._fds):
            if type(sock) in self._was:
                sock.__class__ = self._was[type(sock)]
        self._fds.clear()

    def fd_of(self, sock: Any) -> int:
        """The number of a socket; of a closed one, the number that it had; −1 of one that is not recorded."""
        try:
            return self._fds.get(sock, -1)
        except TypeError:  # no socket at all
            return -1

    def _class(self, kind: type, stream: bool) -> type:
        methods = _methods(self, kind, stream)
        there = {name: method for name, method in methods.items() if hasattr(kind, name)}
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__slots__": ()}
        return type(kind.__name__, (kind,), {**names, **there})


class _Teller:
    """How the calls of one class of sockets are told."""

    def __init__(self, sockets: Sockets, plain: Any) -> None:
        self.sockets, self._fileno = sockets, plain.fileno

    def note(self, sock: Any, name: str, arg: Any, result: int | None, errno: int | None = 0) -> None:
        fd = self._fileno(sock)
        if fd < 0:
            fd = self.sockets.fd_of(sock)
        self.sockets.told.note((fd, name, number(arg), result, errno or 0, clock()))

    def received(self, sock: Any, size: Any, data: Any, got: int, flags: Any) -> None:
        peeked = isinstance(flags, int) and bool(flags & socket.MSG_PEEK)
        told = self.sockets.told
        if told.closely and not peeked:
            told.passes(self._fileno(sock), data, got, sent=False)
        self.note(sock, "peek" if peeked else "recv", size, got)


def _methods(sockets: Sockets, plain: Any, stream: bool) -> dict[str, Callable[..., Any]]:
    """The methods that stand before those of `plain`. A call is told when it returns, or raises OSError."""
    tell = _Teller(sockets, plain)
    named = {name: _receive(name, way, plain, tell) for name, way in RECEIVING.items()}
    named |= {name: _send_all(name, size, plain, tell) for name, size in SENDING.items()}
    if isinstance(getattr(plain, "sendall", None), FunctionType):
        del named["sendall"]  # written in Python (ssl): it calls send, which tells
    if stream and plain.recv is socket.socket.recv:
        named["recv"] = _recv(plain, tell)
    if plain.send is socket.socket.send:
        named["send"] = _send(plain, tell)
    rest = [*_ends(plain, tell, sockets), *_copies(plain, tell, sockets)]
    return named | {method.__name__: method for method in rest}


# The two that a loop lives by are written out for the socket of a stream.


def _recv(plain: Any, tell: _Teller) -> Callable[..., Any]:
    sockets, fileno, plain_recv = tell.sockets, plain.fileno, plain.recv

    def recv(self: Any, size: int, flags: int = 0, /) -> bytes:
        try:
            data: bytes = plain_recv(self, size, flags) if flags else plain_recv(self, size)
        except OSError as error:
            tell.note(self, "recv", size, None, error.errno)
            raise
        told, fd, got = sockets.told, fileno(self), len(data)
        if fd < 0 or flags or size.__class__ is not int or told.closely:  # < 0: somebody has closed it since
            tell.received(self, size, data, got, flags)
            return data
        told.note((fd, "recv", size, got, 0, clock()))
        if got < size:  # a short read of a stream: its queue is empty (recv(2), epoll(7))
            told.drained(fd)
        return data

    return recv


def _send(plain: Any, tell: _Teller) -> Callable[..., Any]:
    sockets, fileno, plain_send = tell.sockets, plain.fileno, plain.send

    def send(self: Any, data: Any, flags: int = 0, /) -> int:
        try:
            sent: int = plain_send(self, data, flags) if flags else plain_send(self, data)
        except OSError as error:
            tell.note(self, "send", nbytes(data), None, error.errno)
            raise
        told, fd = sockets.told, fileno(self)
        if fd < 0:  # somebody has closed it since
            fd = sockets.fd_of(self)
        if told.closely:
            told.passes(fd, data, sent, sent=True)
        size = len(data) if data.__class__ in BYTES else nbytes(data)
        told.note((fd, "send", size, sent, 0, clock()))
        return sent

    return send


def _receive(name: str, way: _Way, plain: Any, tell: _Teller) -> Callable[..., Any]:
    original = getattr(plain, name, None)

    def receive(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            answer = original(self, *args, **kwargs)  # type: ignore[misc]
        except OSError as error:
            tell.note(self, "recv", _quietly(way.size, args, kwargs), None, error.errno)
            raise
        size = _quietly(way.size, args, kwargs)
        data, got = _quietly(way.got, args, kwargs, answer) or (b"", 0)
        tell.received(self, size, data, got, way.flags(args, kwargs))
        return answer

    return receive


def _send_all(name: str, size_of: Callable[..., Any], plain: Any, tell: _Teller) -> Callable[..., Any]:
    original = getattr(plain, name, None)

    def send(self: Any, *args: Any) -> Any:
        if name == "sendmsg" and args and not isinstance(args[0], list | tuple):
            args = (_listed(args[0]), *args[1:])
        try:
            answer = original(self, *args)  # type: ignore[misc]
        except OSError as error:
            tell.note(self, "send", _quietly(size_of, args), None, error.errno)
            raise
        size = _quietly(size_of, args)
        sent = size if answer is None else answer
        told = tell.sockets.told
        if told.closely and sent:
            data = args[0] if name != "sendmsg" else b"".join(bytes(memoryview(each)) for each in args[0])
            told.passes(plain.fileno(self), data, sent, sent=True)
        tell.note(self, "send", size, sent)
        return answer

    return send


def _ends(plain: Any, tell: _Teller, sockets: Sockets) -> list[Callable[..., Any]]:
    """What begins and ends connections."""
    note = tell.note

    def accept(self: Any) -> tuple[Any, Any]:
        try:
            connection, address = plain.accept(self)
        except OSError as error:
            note(self, "accept", None, None, error.errno)
            raise
        note(self, "accept", None, connection.fileno())
        return sockets.record(connection), address

    def connect(self: Any, address: Any) -> None:
        try:
            plain.connect(self, address)
        except OSError as error:
            note(self, "connect", None, None, error.errno)
            raise
        note(self, "connect", None, 0)

    def connect_ex(self: Any, address: Any) -> int:
        errno: int = plain.connect_ex(self, address)
        note(self, "connect", None, None if errno else 0, errno)
        return errno

    def shutdown(self: Any, how: int) -> None:
        try:
            plain.shutdown(self, how)
        except OSError as error:
            note(self, "shutdown", how, None, error.errno)
            raise
        if how != socket.SHUT_RD:
            sockets.told.ends_sending(plain.fileno(self))
        note(self, "shutdown", how, 0)

    def close(self: Any) -> None:
        fd = plain.fileno(self)
        if fd >= 0 and not getattr(self, "_io_refs", 0):  # makefile() keeps it open
            sockets.told.closes(fd)
        plain.close(self)

    return [accept, connect, connect_ex, shutdown, close]


def _copies(plain: Any, tell: _Teller, sockets: Sockets) -> list[Callable[..., Any]]:
    """Other ways to a socket: a copy, a file that it sends, its pickle."""

    def dup(self: Any) -> Any:
        return sockets.keep(plain.dup(self))  # of this class already

    def _sendfile_use_sendfile(self: Any, file: Any, offset: int = 0, count: int | None = None) -> Any:
        sent = plain._sendfile_use_sendfile(self, file, offset, count)
        tell.note(self, "send", count, sent)
        return sent

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        reduce = copyreg.dispatch_table.get(plain) or _forking(plain, sys._getframe(1).f_globals)
        return plain.__reduce_ex__(self, protocol) if reduce is None else reduce(self)

    return [dup, _sendfile_use_sendfile, __reduce_ex__]


def _forking(plain: type, caller: dict[str, Any]) -> Any:
    """How multiprocessing pickles a socket of this class, if it is multiprocessing that asks."""
    if caller.get("__name__") != "multiprocessing.reduction":
        return None
    return caller["ForkingPickler"]._extra_reducers.get(plain)


# ---- what the calls say of themselves --------------------------------------------------------------------


def nbytes(data: Any) -> int | None:
    """How many bytes a buffer holds: of an array or a ctypes.Structure not len(), which counts items."""
    try:
        return memoryview(data).nbytes
    except TypeError:
        return None


def _listed(buffers: Any) -> Any:
    """Buffers that can be gone through twice."""
    try:
        return list(buffers)
    except TypeError:  # the call itself will say so
        return buffers


def _quietly(ask: Callable[..., Any], *args: Any) -> Any:
    try:
        return ask(*args)
    except Exception:
        return None


class _Way:
    """One of the ways to receive: where its size, its flags and what it got stand."""

    def __init__(self, into: bool, several: bool, pair: bool, flags_at: int) -> None:
        self.into, self.several, self.pair, self.flags_at = into, several, pair, flags_at

    def flags(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return args[self.flags_at] if len(args) > self.flags_at else kwargs.get("flags", 0)

    def size(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.several:
            return sum(nbytes(each) or 0 for each in args[0])
        if self.into:
            size = args[1] if len(args) > 1 else kwargs.get("nbytes", 0)
            return size or nbytes(args[0] if args else kwargs["buffer"])
        return args[0]

    def got(self, args: tuple[Any, ...], kwargs: dict[str, Any], answer: Any) -> tuple[Any, int]:
        """(where the bytes are, how many)."""
        found = answer[0] if self.pair else answer
        if not self.into:
            return found, len(found)
        buffer = args[0] if args else kwargs["buffer"]
        return (next(iter(buffer), b"") if self.several else buffer), found


BYTES = frozenset((bytes, bytearray))  # of which len() says how many bytes they hold
RECEIVING = {
    "recv": _Way(into=False, several=False, pair=False, flags_at=1),
    "recv_into": _Way(into=True, several=False, pair=False, flags_at=2),
    "recvfrom": _Way(into=False, several=False, pair=True, flags_at=1),
    "recvfrom_into": _Way(into=True, several=False, pair=True, flags_at=2),
    "recvmsg": _Way(into=False, several=False, pair=True, flags_at=2),
    "recvmsg_into": _Way(into=True, several=True, pair=True, flags_at=2),
}
SENDING: dict[str, Callable[..., Any]] = {
    "send": lambda args: nbytes(args[0]),
    "sendall": lambda args: nbytes(args[0]),
    "sendto": lambda args: nbytes(args[0]),
    "sendmsg": lambda args: sum(nbytes(each) or 0 for each in args[0]),
}
