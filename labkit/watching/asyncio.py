"""An asyncio loop, recorded as it is: its selector, and with `calls` its sockets and its buffers.

It knows asyncio's names for its transports, and tornado's for its handlers; it imports neither.
"""

from __future__ import annotations

import functools
import selectors
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from labkit.record.recorder import Recorder
from labkit.record.selectors import named
from labkit.record.sockets import Sockets, clock
from labkit.record.watched import Described, Sizes
from labkit.tape.tape import Tape
from labkit.watching.names import Names, written
from labkit.watching.patches import Patches
from labkit.watching.selector import SelectorPatch, recorded

READ_BUFFERS = {"_buffer", "_read_buffer", "read_buffer", "buffer"}  # where protocols keep what they read


@contextmanager
def watch_asyncio(loop: Any, tape: Tape, calls: bool) -> Iterator[Tape]:
    """Record the waits of a loop, and with `calls` what it does on its sockets."""
    selector = loop._selector
    tape.about["selector"], tape.about["loop"] = named(selector)[0], "asyncio"
    ends = _Ends(loop)
    recorder = Recorder(tape, sizes=transport_sizes, describe=ends.describe, queues=calls)
    with recorded(selector, recorder, ends.owner, calls) as patch:
        if not calls:
            yield tape
            return
        ends.sockets = patch.sockets
        for key in list((selector.get_map() or {}).values()):
            ends.record_socket(key.fd, ends.owner(key))
        _record_sock_calls(loop, patch)
        with _telling_sendfile(loop, recorder):
            yield tape


class _Raw:
    """An fd that a loop waits for and that is no transport's: what is called when it is ready."""

    __slots__ = ("handles",)

    def __init__(self, handles: Any) -> None:
        self.handles = handles


class _Ends:
    """The fds of a loop: whose they are, and what to call them."""

    sockets: Sockets | None = None  # those that tell their calls

    def __init__(self, loop: Any) -> None:
        self._loop, self._names = loop, Names()

    def owner(self, key: selectors.SelectorKey) -> Any:
        """The transport of a connection; for anything else, an object of ours."""
        return self._loop._transports.get(key.fd) or _Raw(key.data)

    def describe(self, fd: int, data: Any) -> Described:
        """Its name; and since this is asked whenever an fd is new, its socket tells its calls from now on."""
        self.record_socket(fd, data)
        if not isinstance(data, _Raw):
            return self._transport(fd, data)
        pipe = getattr(self._loop, "_ssock", None)
        if pipe is not None and pipe.fileno() == fd:
            return "self-pipe", None
        goes_to = _destination(data)
        if goes_to is not None:  # it is being connected
            return f"to {written(goes_to)}", None
        return self._names.describe(fd)

    def _transport(self, fd: int, transport: Any) -> Described:
        server = getattr(transport, "_server", None)
        for listener in getattr(server, "_sockets", None) or ():
            self._names.listens(listener.getsockname())
        return self._names.describe(fd, accepted=server is not None)

    def record_socket(self, fd: int, data: Any) -> None:
        if self.sockets is None:
            return
        candidates = (
            _reachable(data.handles, fd) if isinstance(data, _Raw) else iter([getattr(data, "_sock", None)])
        )
        for each in candidates:
            if isinstance(each, socket.socket) and each.fileno() == fd:
                self.sockets.record(each)


def _reachable(handles: Any, fd: int) -> Iterator[Any]:
    """What the callbacks of a raw fd know that may be its socket: sock_recv's, a listener's, tornado's."""
    for handle in handles or ():
        args = getattr(handle, "_args", None) or ()
        yield from args
        owner = getattr(getattr(handle, "_callback", None), "__self__", None)
        for each in (owner, *args):
            yield from (getattr(each, name, None) for name in ("socket", "_sock", "sock"))
        known = getattr(owner, "handlers", None)  # tornado: {fd: (socket or fd, callback)}
        if isinstance(known, dict) and fd in known:
            obj, callback = known[fd]
            stream = getattr(getattr(callback, "func", callback), "__self__", None)
            yield from (obj, getattr(stream, "socket", None))


def _destination(data: _Raw) -> Any:
    """The address that a sock_connect() of the loop waits for."""
    for handle in data.handles or ():
        name = getattr(getattr(handle, "_callback", None), "__name__", "")
        args = getattr(handle, "_args", None) or ()
        if name == "_sock_connect_cb" and args:
            return args[-1]
    return None


def transport_sizes(data: Any) -> Sizes:
    """What a transport has not written yet, and what its stream or protocol holds that it has read."""
    size = getattr(data, "get_write_buffer_size", None)
    if size is None:
        return None, None
    protocol = getattr(data, "_protocol", None)
    reader = getattr(protocol, "_stream_reader", None) or protocol
    attributes = getattr(reader, "__dict__", None)
    for name in READ_BUFFERS if attributes is None else sorted(READ_BUFFERS & attributes.keys()):
        held = getattr(reader, name, None)
        if isinstance(held, bytes | bytearray):
            return len(held), size()
    return None, size()


def _record_sock_calls(loop: Any, patch: SelectorPatch) -> None:
    """loop.sock_recv(sock, …) and its kin try at once, before anybody registers the socket."""

    def recording(plain: Any) -> Any:
        @functools.wraps(plain)
        def call(sock: Any, *args: Any, **kwargs: Any) -> Any:
            patch.sockets.record(sock)
            return plain(sock, *args, **kwargs)

        return call

    for name in ("accept", "connect", "recv", "recv_into", "recvfrom", "recvfrom_into", "sendall", "sendto"):
        if hasattr(loop, f"sock_{name}"):
            patch.put_once(loop, f"sock_{name}", lambda plain: recording(plain))


# ---- os.sendfile: asyncio calls it on an fd, so that no method of a socket sees it -------------------------

_told: list[tuple[Any, Recorder]] = []  # (a loop, who is told of its sendfile calls)
_patches = Patches()


@contextmanager
def _telling_sendfile(loop: Any, recorder: Recorder) -> Iterator[None]:
    events: Any = sys.modules.get("asyncio.unix_events")
    if not _told and hasattr(events, "os"):
        _patches.put(events, "os", _os_that_tells(events.os))
    _told.append((loop, recorder))
    try:
        yield
    finally:
        _told.remove((loop, recorder))
        if not _told:
            _patches.take_back()


def _os_that_tells(real: ModuleType) -> ModuleType:
    """A stand-in for `os` in asyncio's module: everything is the real one's, but sendfile tells."""
    stand_in = ModuleType(real.__name__, real.__doc__)
    vars(stand_in).update(vars(real))
    if not hasattr(real, "sendfile"):
        return stand_in
    running = sys.modules["asyncio"]._get_running_loop

    def sendfile(out: int, *args: Any, **kwargs: Any) -> int:
        sent: int | None = None
        errno = 0
        try:
            sent = real.sendfile(out, *args, **kwargs)
            return sent
        except OSError as error:
            errno = error.errno or 0
            raise
        finally:
            for loop, recorder in tuple(_told):
                if loop is running():
                    recorder.note((out, "send", args[2] if len(args) > 2 else None, sent, errno, clock()))

    vars(stand_in)["sendfile"] = sendfile
    return stand_in
