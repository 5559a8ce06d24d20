"""Read buffers: how frames are cut out of one, in the designs that people use, and what each copies.

A frame is its length, four bytes with the most significant first, and so many bytes. It knows no sockets.
"""

from __future__ import annotations

import _pyio
import io
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

PREFIX = struct.Struct("!I")


def cut_frames(buffer: bytearray, at_most: int = 2**32) -> Iterator[bytes]:
    """Take every whole frame off the front of `buffer`; a part of one stays, until the rest has come."""
    while len(buffer) >= 4:
        length = int.from_bytes(buffer[:4], "big")
        if length > at_most:
            raise ValueError(f"a frame of {length:,} bytes; at most {at_most:,} are taken")
        if len(buffer) < 4 + length:
            break
        body = bytes(buffer[4 : 4 + length])
        del buffer[: 4 + length]
        yield body


def messages(pieces: Iterable[bytes]) -> list[bytes]:
    """The frames in a stream that arrives in these pieces."""
    buffer = bytearray()
    found: list[bytes] = []
    for piece in pieces:
        buffer += piece
        found += cut_frames(buffer)
    return found


class Cut(NamedTuple):
    """How many frames were taken out, and how many bytes were copied besides them."""

    frames: int
    copied: int


def cut_each(data: bytes) -> Cut:
    """As the notes do it, on a BytesIO: after each frame all that is behind it moves to a new buffer."""
    buffer, count, copied = io.BytesIO(), 0, 0
    buffer.write(data)
    while True:
        buffer.seek(0)
        prefix = buffer.read(4)
        if len(prefix) < 4:
            return Cut(count, copied)
        length = PREFIX.unpack(prefix)[0]
        if len(buffer.read(length)) < length:
            return Cut(count, copied)
        left = buffer.getvalue()[length + 4 :]
        buffer = io.BytesIO()
        buffer.write(left)
        count, copied = count + 1, copied + 2 * len(left)  # sliced, and written again


def cut_once(data: bytes) -> Cut:
    """Parse a BytesIO to its end, and keep what is left once."""
    buffer, count, end = io.BytesIO(data), 0, 0
    while len(prefix := buffer.read(4)) == 4:
        length = PREFIX.unpack(prefix)[0]
        if len(buffer.read(length)) < length:
            break
        count, end = count + 1, buffer.tell()
    return Cut(count, len(buffer.getvalue()[end:]))


def cut_array(data: bytes) -> Cut:
    """A bytearray that is cut at its front."""
    buffer = bytearray(data)
    return Cut(sum(1 for _ in cut_frames(buffer)), 0)


def tried(line: str) -> str:
    """What a line of Python gives or raises, in words; only for lines that the lesson itself wrote."""
    names: dict[str, Any] = {"io": io}
    try:
        exec(line if line.startswith("from ") else f"came = {line}", names)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return str(names.get("came"))


def decodes(parts: Iterable[bytes]) -> bool:
    """Whether each part by itself is UTF-8."""
    try:
        for part in parts:
            part.decode()
    except UnicodeDecodeError:
        return False
    return True


def writing(count: int) -> Iterator[Mapping[str, Callable[[], Any]]]:
    """For a sweep: `count` writes of 60 bytes, in io.BytesIO (C) and in its twin in Python."""

    def into(kind: Callable[[], Any]) -> None:
        buffer = kind()
        for _ in range(count):
            buffer.write(SIXTY)

    yield {"io.BytesIO": lambda: into(io.BytesIO), "_pyio.BytesIO": lambda: into(_pyio.BytesIO)}


SIXTY = bytes(60)


def second_halves(size: int) -> Iterator[Mapping[str, Callable[[], Any]]]:
    """For a sweep: the second half of `size` bytes, as a slice of bytes and of a memoryview."""
    data = bytes(size)
    window = memoryview(data)
    yield {"bytes": lambda: data[size // 2 :], "memoryview": lambda: window[size // 2 :]}
