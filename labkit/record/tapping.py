"""Sockets that somebody else made, made to tell their calls: they change their class in place, and back.

The object stays the same object, so that whoever holds it notices nothing. The class it gets for a while is
a subclass with the same layout and name, which makes the same calls and tells recorders what came of them.
"""

from __future__ import annotations

import socket
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from labkit.record.recorder import Recorder, clock

Recorders = Callable[[], Iterable[Recorder]]


class Tap:
    """Sockets that tell; `recorders()` says whom, for the thread that makes the call.

    `kinds` are classes beside socket.socket that move bytes by recv(), send() and close().
    """

    def __init__(self, recorders: Recorders, kinds: tuple[type, ...] = ()) -> None:
        self._recorders = recorders
        self._kinds = (socket.socket, *kinds)
        self._telling: dict[tuple[type, bool], type] = {}
        self._sockets: weakref.WeakSet[Any] = weakref.WeakSet()

    def open(self, sock: Any) -> None:
        """From now on `sock` tells its calls. Anything but a socket is left alone."""
        plain = type(sock)
        if not isinstance(sock, self._kinds) or plain in self._telling.values():
            return
        stream = isinstance(sock, socket.socket) and sock.type == socket.SOCK_STREAM
        if (plain, stream) not in self._telling:
            self._telling[plain, stream] = self._class(plain, stream)
        sock.__class__ = self._telling[plain, stream]
        self._sockets.add(sock)

    def close(self) -> None:
        """Every socket is again of the class that it was."""
        plain = {telling: was for (was, _), telling in self._telling.items()}
        for sock in list(self._sockets):
            if type(sock) in plain:
                sock.__class__ = plain[type(sock)]
        self._sockets.clear()

    def _class(self, plain: type, stream: bool) -> type:
        methods = _methods(plain, stream, self._recorders, self.open)
        there = {name: method for name, method in methods.items() if hasattr(plain, name)}
        names = {"__module__": plain.__module__, "__qualname__": plain.__qualname__, "__slots__": ()}
        return type(plain.__name__, (plain,), names | there)


def _methods(
    plain: Any, stream: bool, recorders: Recorders, open_tap: Callable[[Any], None]
) -> dict[str, Any]:
    """The calls of `plain` that are told, by name. They are told when they return, or raise OSError."""

    def note(fd: int, name: str, asked: int | None, result: int | None, errno: int | None = 0) -> None:
        call = (fd, name, asked, result, errno or 0, clock())
        for recorder in recorders():
            recorder.note(call)

    plain_recv, plain_send, fileno = plain.recv, plain.send, plain.fileno

    def recv(self: Any, size: int, *flags: int) -> bytes:
        try:
            data: bytes = plain_recv(self, size, *flags)
        except OSError as error:
            note(fileno(self), "recv", size, None, error.errno)
            raise
        fd, got, now = fileno(self), len(data), clock()
        for recorder in recorders():
            if recorder.closely:
                recorder.passes(fd, data, got, sent=False)
            recorder.note((fd, "recv", size, got, 0, now))
            if stream and got < size and not flags:  # a short read: its queue is empty (epoll(7))
                recorder.empty.add(fd)
        return data

    def recv_into(self: Any, buffer: Any, *args: Any, **kwargs: Any) -> int:
        fd, size = self.fileno(), len(buffer)
        try:
            got: int = plain.recv_into(self, buffer, *args, **kwargs)
        except OSError as error:
            note(fd, "recv", size, None, error.errno)
            raise
        note(fd, "recv", size, got)
        return got

    def send(self: Any, data: Any, *flags: int) -> int:
        try:
            sent: int = plain_send(self, data, *flags)
        except OSError as error:
            note(fileno(self), "send", len(data), None, error.errno)
            raise
        fd, size, now = fileno(self), len(data), clock()
        for recorder in recorders():
            if recorder.closely:
                recorder.passes(fd, data, sent, sent=True)
            recorder.note((fd, "send", size, sent, 0, now))
        return sent

    def sendmsg(self: Any, buffers: Any, *args: Any) -> int:
        fd, buffers = self.fileno(), list(buffers)
        size = sum(map(len, buffers))
        try:
            sent: int = plain.sendmsg(self, buffers, *args)
        except OSError as error:
            note(fd, "send", size, None, error.errno)
            raise
        note(fd, "send", size, sent)
        return sent

    def accept(self: Any) -> tuple[Any, Any]:
        fd = self.fileno()
        try:
            connection, address = plain.accept(self)
        except OSError as error:
            note(fd, "accept", None, None, error.errno)
            raise
        note(fd, "accept", None, connection.fileno())
        open_tap(connection)
        return connection, address

    def connect(self: Any, address: Any) -> None:
        fd = self.fileno()
        try:
            plain.connect(self, address)
        except OSError as error:
            note(fd, "connect", None, None, error.errno)
            raise
        note(fd, "connect", None, 0)

    def connect_ex(self: Any, address: Any) -> int:
        fd = self.fileno()
        errno: int = plain.connect_ex(self, address)
        note(fd, "connect", None, None if errno else 0, errno)
        return errno

    def shutdown(self: Any, how: int) -> None:
        fd = self.fileno()
        plain.shutdown(self, how)
        note(fd, "shutdown", how, 0)

    def close(self: Any) -> None:
        fd = self.fileno()
        if fd >= 0 and not getattr(self, "_io_refs", 0):  # makefile() keeps it open
            for recorder in recorders():
                recorder.closes(fd)
        plain.close(self)

    told = (recv, recv_into, send, sendmsg, accept, connect, connect_ex, shutdown, close)
    return {method.__name__: method for method in told}
