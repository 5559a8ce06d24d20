"""Remote calls over TCP: a server on labkit's own loop, and a client that blocks, with a deadline.

    with Server({"ping": lambda params: ("pong", params)}) as server, Client(server.address) as client:
        client.call("ping", "x")               # → "x"

A request is a frame (labkit.rpc.framing) that holds {"in": method, "params": any}, a reply one that holds
{"out": name, "result": any}. What the server cannot answer gets {"out": "error", "result": why}. Replies come
in the order of the requests. It is the server that lesson 6 ends with.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from labkit import kernel
from labkit.loop import READ, WRITE, Channel, Listener, Loop
from labkit.rpc.framing import (
    LIMIT,
    BadMessage,
    Decoder,
    FrameTooLong,
    FramingError,
    encode,
    named,
    prefix,
)

log = logging.getLogger("labkit")

TRY_AGAIN = 0.1  # seconds after which a listener that rests, or a wait that failed, is tried again
ERROR = "error"  # the name of a reply that says why there is none

Methods = Mapping[str, Callable[[Any], tuple[str, Any]]]  # params → (the reply's name, result)


class RPCError(Exception):
    """The server's own words on why it did not answer a call."""


class Handler(Channel):
    """The server's end of one connection. Subclass it to set `methods`, or let Server do it.

    A client that does not read its replies is not read either, once `high_water` bytes wait for it.
    """

    methods: Methods = {}
    format = "!I"
    limit = LIMIT
    high_water = LIMIT
    framing = "length 4"  # so that a figure draws where messages end

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.framing = "length 4" + " little" * prefix(cls.format).pack(1)[0]

    def __init__(self, loop: Loop, sock: socket.socket, addr: Any = None) -> None:
        super().__init__(loop, sock, addr)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.decoder = Decoder(self.format, self.limit)
        self.read_buffer = self.decoder  # type: ignore[assignment]  # it has a len(), for whoever looks
        self.held = False  # the replies are not read, so requests are not
        self.ended = False  # the client will send no more
        self.spill: int | None = None  # it broke the framing: so many bytes more are thrown away

    def handle_read(self) -> None:
        data = self.recv(65536)
        if self.spill is not None:
            self.spill -= len(data)
            if self.spill < 0:
                self.abort()
        elif data:
            self.decoder.feed(data)
            self.answer()

    def handle_write(self) -> None:
        super().handle_write()
        if self.held and len(self.write_buffer) < self.high_water:
            self.answer()
        if self.spill is not None and not self.write_buffer and not self.closing:
            self.socket.shutdown(socket.SHUT_WR)  # close() would reset the last reply away (tcp(7))

    def handle_close(self) -> None:
        """The client will send no more, and may still read: what it asked is answered first."""
        self.ended = True
        if self.spill is not None:
            super().handle_close()
        elif not self.closing:
            self.answer()

    def answer(self) -> None:
        """Answer the requests that are complete, in one write, as long as the client reads its replies."""
        replies, self.held = bytearray(), False
        try:
            for each in self._replies():
                replies += each
                if len(self.write_buffer) + len(replies) >= self.high_water:
                    self.held = True
                    break
            if self.ended and not self.held:
                self.decoder.end()
        except FramingError as error:
            replies += self.error(error)
            self.spill = 4 * self.limit
        held, self.held = self.held, False
        self.write(replies)
        if self.closing:  # nobody is there any more
            return
        if self.ended and not held:
            super().handle_close()
        else:
            self.held = held
            self.declare((0 if held else READ) | (WRITE if self.write_buffer or held else 0))

    def _replies(self) -> Iterator[bytes]:
        while True:
            try:
                for message in self.decoder:
                    yield self.reply(named(message, "in"), message.get("params"))
                return
            except BadMessage as error:
                yield self.error(error)

    def reply(self, name: str, params: Any) -> bytes:
        """The frame that answers a request."""
        method = self.methods.get(name)
        if method is None:
            return self.error(f"there is no method {name[:40]!r}; there is {', '.join(self.methods)}")
        try:
            out, result = method(params)
            return encode({"out": out, "result": result}, self.format, self.limit)
        except BaseException as error:  # a method that exits ends itself, not the server of everybody
            if not isinstance(error, FrameTooLong):
                with contextlib.suppress(Exception):  # nobody may be there to be told
                    self.loop.on_error(self, error)  # type: ignore[arg-type]
            return self.error(f"{name[:40]}: {_said(error)}"[:1000])

    def error(self, why: object) -> bytes:
        return encode({"out": ERROR, "result": str(why)}, self.format)


class Server:
    """Answers calls of `methods` in a thread of its own, until close(); `address` is where it listens.

    `options` are Handler's: format, limit, high_water.
    """

    def __init__(self, methods: Methods, address: tuple[str, int] = ("127.0.0.1", 0), **options: Any) -> None:
        prefix(options.get("format", Handler.format))
        handler = type("Handler", (Handler,), {"methods": methods, **options})
        with kernel.naming_the_fd_limit(), contextlib.ExitStack() as made:
            listener = made.enter_context(socket.create_server(address, backlog=128))
            self.address: tuple[str, int] = listener.getsockname()
            self.loop, self._open = _ServerLoop(), True
            made.callback(self.loop.selector.close)
            self._wakeup, inside = socket.socketpair()
            made.pop_all()
        Listener(self.loop, listener, handler)
        _Wakeup(self.loop, inside)
        self.thread = threading.Thread(target=self._serve, name="rpc server", daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while self._open:
            self.loop.wake_listener()
            try:
                self.loop.run_once(None if self.loop.resting is None else TRY_AGAIN)
            except Exception as error:  # of the wait itself, which the next one may not meet again
                if self._open:
                    _tell("the RPC server's wait failed", error)
                    time.sleep(TRY_AGAIN)

    def close(self) -> None:
        """Close every connection. Waits for a method that is at work: 10 s at most, then TimeoutError."""
        self._open = False
        self._wakeup.close()
        self.thread.join(10)
        if self.thread.is_alive():
            raise TimeoutError("a method of the RPC server has not returned for 10 s; close() it again later")
        for channel in list(self.loop.channels):
            channel.abort()
        self.loop.selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _ServerLoop(Loop):
    """A loop that tells its log what was raised, and lets its listener rest while there is no fd for it.

    A listener that cannot accept stays ready: its loop would spin (accept(2), EMFILE).
    """

    resting: Channel | None = None
    warned = False  # once is enough

    def on_error(self, channel: Channel, error: BaseException) -> None:
        if isinstance(channel, Listener) and kernel.is_fd_shortage(error):
            if not self.warned:
                _tell("the RPC server accepts nobody while there is no fd", error)
            self.resting, self.warned = channel, True
            channel.declare(0)
            return
        _tell("a method of the RPC server raised", error)

    def wake_listener(self) -> None:
        """Ask about the listener again, if there is an fd for whom it accepts."""
        if self.resting is not None and kernel.an_fd_is_free():
            listener, self.resting = self.resting, None
            listener.declare(READ)


def _tell(what: str, error: BaseException) -> None:
    """Into the log, if that can be written; if not, the server goes on all the same."""
    with contextlib.suppress(Exception):
        log.error(what, exc_info=error)


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # its own __str__ raises
        return type(error).__name__


class _Wakeup(Channel):
    """Ends the loop's sleep when the server is closed."""

    def handle_read(self) -> None:
        self.recv(1)


# ---- the client ------------------------------------------------------------------------------------------


class Client:
    """A blocking client: `send` and `receive` wait `timeout` seconds at most, and `call` is one of each.

    Replies come in the order of the calls. Whatever fails but RPCError leaves the two ends out of step,
    and closes the client.
    """

    def __init__(
        self, address: tuple[str, int], *, format: str = "!I", limit: int = LIMIT, timeout: float = 5.0
    ) -> None:
        self.format, self.limit, self.timeout = format, limit, timeout
        self.waiting = 0  # calls whose reply was not received yet
        self._decoder = Decoder(format, limit)
        self._socket = socket.create_connection(address, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, method: str, params: Any = None) -> Any:
        """The result of a call. RPCError says why there is none, TimeoutError that none came in time."""
        if self.waiting:
            raise RuntimeError(f"receive() the {self.waiting} replies that are under way first")
        self.send(method, params)
        return self.receive()

    def send(self, method: str, params: Any = None) -> None:
        """Ask, and do not wait for the reply."""
        frame = encode({"in": method, "params": params}, self.format, self.limit)
        with self._closed_on_error():
            self._socket.settimeout(self.timeout)
            self._socket.sendall(frame)
        self.waiting += 1

    def receive(self) -> Any:
        """The result of the oldest call that has none yet; raises as call() does."""
        if not self.waiting:
            raise RuntimeError("there is nothing to receive: send() first")
        with self._closed_on_error():
            reply = self._reply(time.monotonic() + self.timeout)
            name = named(reply, "out")
        self.waiting -= 1
        if name == ERROR:
            raise RPCError(reply.get("result"))
        return reply.get("result")

    def _reply(self, until: float) -> dict[str, Any]:
        while (message := self._decoder.next()) is None:
            self._socket.settimeout(max(0.001, until - time.monotonic()))
            data = self._socket.recv(65536)
            if not data:
                self._decoder.end()
                raise ConnectionError("the server closed the connection and did not reply")
            self._decoder.feed(data)
            if time.monotonic() > until:  # it comes in drops
                raise TimeoutError
        return message

    @contextlib.contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            self.close()
            raise TimeoutError(f"no answer within {self.timeout:g} s") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._socket.close()
        self.waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
