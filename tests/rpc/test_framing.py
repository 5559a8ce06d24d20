"""Bytes → messages: however the bytes are cut, the messages are the same, and what is none is named."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.rpc.framing import (
    DEPTH,
    BadMessage,
    Decoder,
    FrameTooLong,
    FramingError,
    NotAnObject,
    NotJSON,
    NotUTF8,
    ProtocolError,
    TooDeep,
    Truncated,
    WrongType,
    encode,
    named,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
messages = st.dictionaries(st.text(max_size=8), values, max_size=4)
formats = st.sampled_from(["I", "=I", "<I", ">I", "!I"])
quiet = settings(deadline=None, max_examples=150)


def frame(body: bytes, format: str = "!I") -> bytes:
    return struct.pack(format, len(body)) + body


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(i % (len(data) + 1) for i in at), len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]


def drain(decoder: Decoder) -> list[Any]:
    """What comes out now: messages, and the kinds of errors."""
    out: list[Any] = []
    while True:
        try:
            for message in decoder:
                out.append(message)
            return out
        except BadMessage as error:
            out.append(type(error))
        except FramingError as error:
            return [*out, type(error)]


@pytest.mark.slow
@quiet
@given(st.lists(messages, max_size=6), st.lists(st.integers(0, 2000), max_size=12), formats)
def test_any_messages_in_any_pieces_come_out_as_they_went_in(sent, at, format):
    decoder, received = Decoder(format), []
    for piece in cut(b"".join(encode(each, format) for each in sent), at):
        decoder.feed(piece)
        received += decoder
    assert received == sent
    decoder.end()
    assert len(decoder) == 0


def test_every_split_point_of_two_glued_frames():
    sent = [{"in": "ping", "params": "añb"}, {"in": "ping", "params": [1, {"two": None}]}]
    data = b"".join(map(encode, sent))
    for at in range(len(data) + 1):
        decoder = Decoder()
        decoder.feed(data[:at])
        first = list(decoder)
        decoder.feed(data[at:])
        assert first + list(decoder) == sent, at


def test_one_byte_at_a_time_with_every_message_out_as_soon_as_it_is_complete():
    decoder, out = Decoder(), []
    data = encode({"n": 1}) + encode({"n": 2})
    for at, byte in enumerate(data):
        decoder.feed(bytes([byte]))
        out += [(at, message) for message in decoder]
    assert out == [(len(data) // 2 - 1, {"n": 1}), (len(data) - 1, {"n": 2})]


@pytest.mark.unhurried
@quiet
@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6), formats)
def test_garbage_in_any_pieces_raises_nothing_but_protocol_errors_and_always_the_same(data, at, format):
    whole, pieces = Decoder(format, limit=64), Decoder(format, limit=64)
    whole.feed(data)
    expected = drain(whole)
    seen: list[Any] = []
    for piece in cut(data, at):
        pieces.feed(piece)
        seen += drain(pieces)
        if seen and seen[-1] is FrameTooLong:
            break
    assert seen == expected
    assert len(whole) <= len(data)


BAD = [
    (b"\xff\xfe", NotUTF8),
    ('{"in": "ping"}'.encode("utf-16"), NotUTF8),  # json.loads(bytes) would have guessed
    (b"", NotJSON),
    (b"{", NotJSON),
    (b'{"a": NaN}', NotJSON),
    (b'{"a": ' + b"9" * 5000 + b"}", NotJSON),  # more digits than Python converts
    (b"\xef\xbb\xbf{}", NotJSON),  # a byte order mark
    (b"[1]", NotAnObject),
    (b'"ping"', NotAnObject),
    (b"null", NotAnObject),
    (b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, TooDeep),
    (b"[" * 100_000, TooDeep),
    (b'{"a": ' + b"[" * DEPTH + b"]" * DEPTH + b"}", TooDeep),
]


@pytest.mark.parametrize(("body", "error"), BAD, ids=[f"{e.__name__}-{b[:8]!r}" for b, e in BAD])
def test_a_body_that_is_no_message_is_named_and_the_next_one_is_read(body, error):
    decoder = Decoder(limit=10**6)
    decoder.feed(frame(body) + encode({"in": "ping"}))
    with pytest.raises(error) as told:
        list(decoder)
    assert str(told.value)
    assert list(decoder) == [{"in": "ping"}]


def test_as_deep_as_allowed_and_brackets_in_strings():
    inside: Any = 1
    for _ in range(DEPTH - 1):
        inside = [inside]
    decoder = Decoder()
    for message in ({"a": inside}, {"a": "[" * 500}, {"a": [[]] * 300}):
        decoder.feed(encode(message))
        assert list(decoder) == [message]


def test_too_long_is_known_from_the_prefix_alone_and_is_final():
    decoder = Decoder(limit=100)
    decoder.feed(encode({"a": 1}) + struct.pack("!I", 101))
    assert next(iter(decoder)) == {"a": 1}
    for _ in range(2):
        with pytest.raises(FrameTooLong, match="101 bytes is announced; the limit is 100"):
            decoder.next()
    decoder.feed(bytes(10**6))
    assert len(decoder) == 0  # nothing is kept for a stream that cannot be read


def test_exactly_the_limit_passes():
    decoder = Decoder(limit=9)
    decoder.feed(frame(b'{"a": 12}'))
    assert list(decoder) == [{"a": 12}]


@pytest.mark.parametrize("size", range(1, 12))
def test_a_stream_that_ends_inside_a_frame_is_truncated(size):
    decoder = Decoder()
    decoder.feed(encode({"a": 1})[:size])
    assert list(decoder) == []
    with pytest.raises(Truncated, match=f"of which {size} bytes"):
        decoder.end()


def test_encode_joins_prefix_and_body_and_refuses_what_cannot_be_sent():
    assert encode({"in": "ping"}, "!I") == b'\0\0\0\x0e{"in": "ping"}'
    assert encode({"in": "ping"}, "I")[:4] == struct.pack("I", 14)
    with pytest.raises(FrameTooLong):
        encode({"a": "x" * 100}, limit=100)
    endless: list[Any] = []
    endless.append(endless)
    for value in (float("nan"), float("inf"), endless):
        with pytest.raises(ValueError):
            encode({"a": value})
    with pytest.raises(TypeError):
        encode({"a": b"bytes"})
    for format in ("", "i", "B", "!II", "x"):
        with pytest.raises(ValueError, match="give"):
            Decoder(format)


def test_names():
    assert named({"in": "ping"}, "in") == "ping"
    for message in ({}, {"in": 1}, {"in": None}, {"in": ["ping"]}):
        with pytest.raises(WrongType, match="'in' should hold a name"):
            named(message, "in")
    assert issubclass(WrongType, BadMessage) and issubclass(BadMessage, ProtocolError)


@pytest.mark.unhurried
def test_many_small_frames_in_one_piece_are_read_in_a_time_that_grows_with_their_number():
    """Not with its square: what went out is cut off once a piece, not once a frame."""
    one = encode({"in": "ping", "params": json.loads('"x"')})
    decoder = Decoder()
    decoder.feed(one * 50_000)
    kept = decoder._buffer
    assert sum(1 for _ in decoder) == 50_000
    assert decoder._buffer is kept and len(kept) == 50_000 * len(one)  # untouched until the next piece
    decoder.feed(b"")
    assert len(kept) == 0
