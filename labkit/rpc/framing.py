"""Frames: bytes → messages, and back, without any socket. Bytes may come in any pieces.

A frame is a length, an unsigned integer of 4 bytes, and so many bytes of JSON: an object. The format "!I" is
the same on every machine; "I" is this machine's own byte order. What is wrong with a frame is an exception
that says so: BadMessage if the stream can be read on behind it, FramingError if it cannot.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

LIMIT = 2**20  # bytes of one body
DEPTH = 100  # arrays and objects inside each other


class ProtocolError(Exception):
    """The other end does not speak this protocol."""


class FramingError(ProtocolError):
    """Nobody can say where the next frame begins: nothing after this can be read."""


class FrameTooLong(FramingError):
    """A prefix announces more bytes than the limit."""


class Truncated(FramingError):
    """The stream ended inside a frame."""


class BadMessage(ProtocolError):
    """This frame is no message. The one after it may be."""


class NotUTF8(BadMessage):
    """The body is no UTF-8 text."""


class NotJSON(BadMessage):
    """The body is no JSON text."""


class TooDeep(BadMessage):
    """The body nests arrays or objects too deeply."""


class NotAnObject(BadMessage):
    """The body is JSON, but no object {…}."""


class WrongType(BadMessage):
    """The object has no name under "in" (a request) or "out" (a reply), or one that is no string."""


def prefix(format: str) -> struct.Struct:
    """The struct of a length prefix; ValueError for anything but one unsigned integer of 4 bytes."""
    if format not in ("I", "=I", "<I", ">I", "!I"):
        raise ValueError(f'format={format!r}: give "!I", or "I" for this machine\'s own byte order')
    return struct.Struct(format)


def encode(message: Mapping[str, Any], format: str = "!I", limit: int = LIMIT) -> bytes:
    """One frame: prefix and body in one piece, so that one send() can take both.

    Raises FrameTooLong, and TypeError or ValueError for what JSON cannot hold.
    """
    try:
        body = json.dumps(message, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("the message nests too deeply for JSON") from None
    if len(body) > limit:
        raise FrameTooLong(f"the message takes {len(body):,} bytes; the limit is {limit:,}")
    return prefix(format).pack(len(body)) + body


class Decoder:
    """Frames come in as bytes, in any pieces, and go out as messages. It knows no sockets.

    decoder.feed(data)
    for message in decoder: ...

    Iteration yields the messages that are complete. A frame that is none raises BadMessage and is gone:
    iterate again for those behind it. A FramingError is final: every later attempt raises it again.
    """

    def __init__(self, format: str = "!I", limit: int = LIMIT, depth: int = DEPTH) -> None:
        self.limit, self.depth = limit, depth
        self._prefix = prefix(format)
        self._buffer = bytearray()
        self._at = 0  # everything before it has gone out
        self._broken: FramingError | None = None

    def __len__(self) -> int:
        """Bytes that are in and not yet out."""
        return len(self._buffer) - self._at

    def getvalue(self) -> bytes:
        """What is in and not yet out, by the name that it has in io.BytesIO."""
        return bytes(self._buffer[self._at :])

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take in what arrived."""
        del self._buffer[: self._at]  # once for all the frames of the last piece, not once a frame
        self._at = 0
        if self._broken is None:
            self._buffer += data

    def end(self) -> None:
        """No more will come: Truncated if the stream ended inside a frame."""
        if self._broken is None and len(self):
            self._fail(Truncated(f"the stream ended inside a frame, of which {len(self):,} bytes came"))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (message := self.next()) is not None:
            yield message

    def next(self) -> dict[str, Any] | None:
        """The next message, or None while it is not complete."""
        if self._broken is not None:
            raise self._broken
        if len(self) < self._prefix.size:
            return None
        (length,) = self._prefix.unpack_from(self._buffer, self._at)
        if length > self.limit:
            self._fail(FrameTooLong(f"a frame of {length:,} bytes is announced; the limit is {self.limit:,}"))
        start = self._at + self._prefix.size
        if len(self._buffer) < start + length:
            return None
        self._at = start + length
        return parse(self._buffer[start : self._at], self.depth)

    def _fail(self, error: FramingError) -> NoReturn:
        self._broken = error
        self._buffer.clear()
        self._at = 0
        raise error


def parse(body: bytes | bytearray, depth: int = DEPTH) -> dict[str, Any]:
    """The JSON object in the body of a frame; a BadMessage says what else it is."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUTF8(f"the body is no UTF-8: byte {error.start} is 0x{body[error.start]:02x}") from None
    try:
        message = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise TooDeep(f"the body nests deeper than {depth} levels") from None
    except ValueError as error:
        raise NotJSON(f"the body is no JSON: {error}") from None
    if text.count("[") + text.count("{") > depth and _depth(message) > depth:
        raise TooDeep(f"the body nests deeper than {depth} levels")
    if not isinstance(message, dict):
        raise NotAnObject(f"the body is JSON, but no object: it begins {text[:20]!r}")
    return message


def named(message: Mapping[str, Any], key: str) -> str:
    """The name of a request (key "in") or of a reply ("out")."""
    name = message.get(key)
    if not isinstance(name, str):
        raise WrongType(f"{key!r} should hold a name: a string, not {type(name).__name__}")
    return name


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [item for each in level for item in (each.values() if isinstance(each, dict) else each)]
    return depth
