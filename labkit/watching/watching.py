"""watch(): the recorder on somebody else's loop, for the length of a `with` block, and nothing left behind.

    with watch(asyncore) as tape: asyncore.loop(count=3)
    with watch(asyncio.get_running_loop()) as tape: await reader.read(1)
    with watch(selector) as tape: selector.select(0.5)

The loop runs as it is. It makes the same calls in the same order and gets the same answers and errors.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from labkit import kernel
from labkit.record.recorder import Recorder, Sizes, channel_sizes
from labkit.record.selectors import named
from labkit.record.tapping import Tap
from labkit.tape.tape import Tape
from labkit.watching import asyncore as dispatchers
from labkit.watching.asyncore import Watcher

READ_BUFFERS = ("rbuf", "read_buffer", "in_buffer", "ac_in_buffer")  # where programs keep what they have read
WRITE_BUFFERS = ("out_buffer", "write_buffer")


def watch(target: Any, tape: Tape | None = None, *, calls: bool = False) -> AbstractContextManager[Tape]:
    """Record every wait of `target` on `tape`, or on a new Tape, which the `with` block is given.

    `target` is the module asyncore (on Python 3.12 and newer the package pyasyncore's), an asyncio loop that
    waits through a selector, also while it runs, or any selectors.BaseSelector. At the end of the block, also
    by an exception, everything is as it was.

    Of asyncore the calls on sockets are recorded too, the methods of its dispatchers (iteration.Call says
    how), and their buffers. Of asyncio the sets and the times, which cost it next to nothing; with `calls`
    its calls on sockets and its buffers as well. Of a selector the sets, the times and the kernel's queues.

    One thread is recorded: of asyncore the first that waits. Calls made before the first wait stand in the
    first iteration, at a time below 0.

    Raises TypeError for anything else, RuntimeError for an asyncio loop that is closed.
    """
    if tape is not None and not isinstance(tape, Tape):
        raise TypeError(f"watch(…, tape={tape!r}): give a labkit Tape, or leave it out")
    tape = Tape() if tape is None else tape
    if dispatchers.is_asyncore(target):
        return _watch_asyncore(target, tape)
    if isinstance(target, selectors.BaseSelector):
        return _watch_selector(target, tape)
    if callable(getattr(target, "_run_once", None)) and hasattr(target, "_selector"):
        if target._selector is None:
            raise RuntimeError("this asyncio loop is closed; watch a loop before it is")
        return _watch_asyncio(target, tape, calls)
    raise TypeError(
        f"watch({target!r}): it can watch the module asyncore (import asyncore; watch(asyncore)), "
        "an asyncio.SelectorEventLoop (watch(asyncio.get_running_loop())), or a selectors.BaseSelector"
    )


@contextmanager
def _watch_asyncore(module: Any, tape: Tape) -> Iterator[Tape]:
    recorder = Recorder(tape, sizes=dispatcher_sizes, describe=_describe_dispatcher)
    tape.about.setdefault("selector", "select")
    tape.about["loop"] = module.__name__
    _start_afresh(recorder)
    watcher = Watcher(recorder)
    door = dispatchers.enter(module, watcher)
    try:
        yield tape
    except BaseException as error:
        dispatchers.hide(error.__traceback__)
        raise
    finally:
        door.leave(watcher)
        recorder.finish()


def dispatcher_sizes(dispatcher: Any) -> Sizes:
    """Bytes in a dispatcher's (read buffer, write buffer), found by their usual names; None where none is."""
    read, write = dispatcher_buffers(dispatcher)
    return _size(read), _size(write)


def dispatcher_buffers(dispatcher: Any) -> tuple[Any, Any]:
    """A dispatcher's (read buffer, write buffer) themselves, found by their usual names."""
    try:
        attributes = vars(dispatcher)
    except TypeError:
        return None, None
    return (
        next((attributes[name] for name in READ_BUFFERS if name in attributes), None),
        next((attributes[name] for name in WRITE_BUFFERS if name in attributes), None),
    )


def _size(buffer: Any) -> int | None:
    if isinstance(buffer, bytes | bytearray | str | memoryview):
        return len(buffer)
    try:
        return len(buffer.getvalue())  # BytesIO, StringIO: this moves no cursor
    except (AttributeError, TypeError, ValueError):  # it is something else, or closed
        return None


def _describe_dispatcher(fd: int, dispatcher: Any) -> tuple[str, tuple[int | None, ...] | None]:
    """A dispatcher's name, made from its class and the port of its peer, and its queues' capacities."""
    sock: Any = getattr(dispatcher, "socket", None)
    name = type(dispatcher).__name__ if sock is not None else "fd"
    try:
        address = sock.getsockname() if dispatcher.accepting else sock.getpeername()
    except (OSError, AttributeError, TypeError):  # not connected yet, or not a socket
        return f"{name} {fd}", None
    where = f"{name} :{address[1]}" if isinstance(address, tuple) else f"{name} {fd}"
    return where, None if dispatcher.accepting else (*kernel.capacity(sock), None, None)


@contextmanager
def _watch_selector(selector: selectors.BaseSelector, tape: Tape) -> Iterator[Tape]:
    tape.about["selector"] = named(selector)[0]
    with _covered(_cover(selector), Recorder(tape, sizes=_registered_sizes), lambda key, new: key.data):
        yield tape


def _registered_sizes(data: Any) -> Sizes:
    try:
        return channel_sizes(data)
    except TypeError:  # something else goes by these names
        return None, None


@contextmanager
def _watch_asyncio(loop: Any, tape: Tape, calls: bool) -> Iterator[Tape]:
    selector = loop._selector
    tape.about["selector"], tape.about["loop"] = named(selector)[0], "asyncio"
    recorder = Recorder(tape, sizes=_transport_sizes, describe=_describe_transport, queues=calls)
    cover = _cover(selector)
    tap = cover.tap
    others: dict[int, _Other] = {}

    def owner(key: selectors.SelectorKey, new: bool) -> Any:
        """The transport of a connection; for the loop's own pipe, or a listener, an object of ours."""
        transport = loop._transports.get(key.fd)
        if transport is not None:
            if new and calls:
                tap.open(getattr(transport, "_sock", None))
            return transport
        if new or key.fd not in others:
            others[key.fd] = other = _Other.of(loop, key)
            if calls:
                tap.open(other.listener)
        return others[key.fd]

    with _covered(cover, recorder, owner, calls):
        yield tape


class _Other:
    """An fd that an asyncio loop waits for and that is no transport's."""

    def __init__(self, name: str, listener: socket.socket | None = None) -> None:
        self.name, self.listener = name, listener

    @classmethod
    def of(cls, loop: Any, key: selectors.SelectorKey) -> _Other:
        pipe = getattr(loop, "_ssock", None)
        if pipe is not None and pipe.fileno() == key.fd:
            return cls("self-pipe")
        handles = [handle for handle in key.data or () if handle is not None]
        listener = next((each for each in _arguments(handles) if _is_listener(each, key.fd)), None)
        return cls("listener" if listener else f"fd {key.fd}", listener)


def _arguments(handles: list[Any]) -> Iterator[Any]:
    for handle in handles:
        yield from getattr(handle, "_args", None) or ()


def _is_listener(sock: Any, fd: int) -> bool:
    if not isinstance(sock, socket.socket) or sock.fileno() != fd:
        return False
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _transport_sizes(data: Any) -> Sizes:
    """What a transport has not written yet, and what a stream that reads from it holds unread."""
    size = getattr(data, "get_write_buffer_size", None)
    if size is None:
        return None, None
    stream = getattr(getattr(data, "_protocol", None), "_stream_reader", None)
    return len(stream._buffer) if stream is not None else None, size()


def _describe_transport(fd: int, data: Any) -> tuple[str, tuple[int | None, ...] | None]:
    if isinstance(data, _Other):
        return data.name, None
    peer, sock = data.get_extra_info("peername"), getattr(data, "_sock", None)
    name = f"client :{peer[1]}" if isinstance(peer, tuple) else f"fd {fd}"
    return name, (*kernel.capacity(sock), None, None) if sock is not None else None


# ---- any selector --------------------------------------------------------------------------------------

COVERED = ("select", "register", "modify", "unregister")
Owner = Callable[
    [selectors.SelectorKey, bool], Any
]  # (key, whether the fd is new) → whose buffers to look at


@contextmanager
def _covered(cover: _Cover, recorder: Recorder, owner: Owner, calls: bool = False) -> Iterator[None]:
    """Record the waits of a selector that somebody uses, and with `calls` those of its tapped sockets."""
    _start_afresh(recorder)
    cover.add(recorder, owner, calls)
    try:
        yield
    finally:
        cover.remove(recorder)
        recorder.finish()


def _start_afresh(recorder: Recorder) -> None:
    """What an earlier recording on this tape asked about is not asked about any more."""
    for fd in recorder.tape[-1].interest if len(recorder.tape) else ():
        recorder.asks(fd, 0)


class _Cover:
    """Recording methods over those of one selector object, as long as anybody watches it."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self.selector = selector
        self.told: tuple[tuple[Recorder, Owner], ...] = ()
        self._calls: list[Recorder] = []
        self.tap = Tap(self._calls.__iter__)
        self._under: dict[str, Any] = {}  # what the object's own dictionary held before

    def add(self, recorder: Recorder, owner: Owner, calls: bool) -> None:
        if not self.told:
            self._put()
        self.told += ((recorder, owner),)
        self._calls += [recorder] if calls else []
        for key in list((self.selector.get_map() or {}).values()):
            recorder.asks(key.fd, key.events, owner(key, True))

    def remove(self, recorder: Recorder) -> None:
        self.told = tuple(pair for pair in self.told if pair[0] is not recorder)
        self._calls[:] = [each for each in self._calls if each is not recorder]
        if not self.told:
            self.tap.close()
            own = vars(self.selector)
            for name in COVERED:
                del own[name]
            own.update(self._under)
            _covers.pop(id(self.selector), None)

    def _put(self) -> None:
        _covers[id(self.selector)] = self
        own = vars(self.selector)
        covers = self._methods()
        self._under = {name: own[name] for name in COVERED if name in own}
        own.update({name: covers[name] for name in COVERED})

    def _methods(self) -> dict[str, Any]:
        """The methods that stand over the selector's own."""
        real: Any = self.selector
        plain_select, plain_register = real.select, real.register
        plain_modify, plain_unregister = real.modify, real.unregister

        def select(timeout: float | None = None) -> Any:
            began = [(recorder, recorder.waits()) for recorder, _ in self.told]
            try:
                ready = plain_select(timeout)
            except BaseException as error:
                for recorder, at in began:
                    recorder.woke(at, timeout, ())
                    recorder.error(-1, f"{type(error).__name__}: {error}")
                    recorder.finish()
                raise
            told: list[int] = []
            for key, events in ready:
                told += (key.fd, events)
            for recorder, at in began:
                recorder.woke(at, timeout, tuple(told))
            return ready

        def register(fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
            key: selectors.SelectorKey = plain_register(fileobj, events, data)
            for recorder, owner in self.told:
                recorder.asks(key.fd, events, owner(key, True))
            return key

        def modify(fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
            key: selectors.SelectorKey = plain_modify(fileobj, events, data)
            for recorder, owner in self.told:
                recorder.asks(key.fd, events, owner(key, False))
            return key

        def unregister(fileobj: Any) -> selectors.SelectorKey:
            key: selectors.SelectorKey = plain_unregister(fileobj)
            for recorder, _ in self.told:
                recorder.asks(key.fd, 0)
            return key

        return {"select": select, "register": register, "modify": modify, "unregister": unregister}


_covers: dict[int, _Cover] = {}  # by the id of a selector that is watched now


def _cover(selector: selectors.BaseSelector) -> _Cover:
    return _covers.get(id(selector)) or _Cover(selector)
