"""An event loop, its channels and a listener: all of it, short enough to print."""

import selectors
import socket
import traceback
from contextlib import suppress
from typing import Any

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Loop:
    """Waits on a selector, calls handlers. One that raises loses its channel, after `on_error`."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self.selector = selectors.DefaultSelector() if selector is None else selector
        self.channels: set[Channel] = set()

    def run_once(self, timeout: float | None = None) -> None:
        """One iteration: wait at most `timeout` seconds (None: without end), then handle what is ready."""
        for key, events in self.selector.select(timeout):
            channel = key.data
            try:
                if events & channel.interest & READ:
                    channel.handle_read()
                if events & channel.interest & WRITE:  # unless handle_read closed it
                    channel.handle_write()
            except Exception as error:
                self.on_error(channel, error)
                channel.handle_error()

    def on_error(self, channel: "Channel", error: Exception) -> None:
        traceback.print_exception(error)


class Channel:
    """One connection. Give it a `handle_read`; `handle_write` sends what waits, `handle_error` aborts."""

    def __init__(self, loop: Loop, sock: socket.socket, addr: Any = None) -> None:
        sock.setblocking(False)
        self.loop, self.socket, self.addr, self.interest, self.closing = loop, sock, addr, 0, False
        self.read_buffer, self.write_buffer = bytearray(), bytearray()  # yours, and the channel's
        self.declare(READ)
        loop.channels.add(self)

    def declare(self, interest: int) -> None:
        """Ask for READ, WRITE, both or nothing (0) from the next iteration on; else ValueError."""
        if interest not in (0, READ, WRITE, READ | WRITE):
            raise ValueError(f"declare({interest}): ask for READ, WRITE, READ | WRITE or 0")
        before, self.interest, selector = self.interest, 0, self.loop.selector  # 0 if it refuses
        if before and not interest:
            selector.unregister(self.socket)
        elif before != interest:
            (selector.modify if before else selector.register)(self.socket, interest, self)
        self.interest = interest

    def recv(self, size: int) -> bytes:
        """Take up to `size` bytes; b"" if the kernel has none now, or the peer will send no more."""
        try:
            data = self.socket.recv(size)
        except BlockingIOError:
            return b""
        except ConnectionError:  # the peer reset the connection
            data = b""
        if not data:
            self.handle_close()
        return data

    def write(self, data: bytes | bytearray) -> None:
        """Send `data`: now, as far as the kernel takes it; the rest whenever it takes more."""
        if data and not self.closing:
            self.write_buffer += data
            if not self.interest & WRITE:
                self.handle_write()

    def handle_read(self) -> None:
        raise NotImplementedError(f"class {type(self).__name__} needs a method handle_read(self)")

    def handle_write(self) -> None:
        try:
            del self.write_buffer[: self.socket.send(self.write_buffer)]
        except BlockingIOError:
            pass  # the kernel takes nothing now
        except ConnectionError:
            return self.abort()
        if self.closing and not self.write_buffer:
            return self.abort()
        if self.write_buffer or self.interest & WRITE:
            self.declare(self.interest | WRITE if self.write_buffer else self.interest & ~WRITE)

    def handle_close(self) -> None:
        """The peer will send no more: send what is left, then close."""
        self.closing = True
        self.declare(WRITE) if self.write_buffer else self.abort()

    def handle_error(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Close now. What the write buffer holds is lost."""
        self.closing = True
        self.declare(0)
        self.loop.channels.discard(self)
        self.socket.close()


class Listener(Channel):
    """A listening socket; each connection that `handle_read` accepts is a `handler(loop, sock, addr)`."""

    def __init__(self, loop: Loop, sock: socket.socket, handler: type[Channel]) -> None:
        self.handler = handler
        super().__init__(loop, sock, sock.getsockname())

    def handle_read(self) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):  # nobody is there, or no longer
            self.handler(self.loop, *self.socket.accept())

    def handle_error(self) -> None:
        """A listener outlives its errors."""
