"""The RPC server and its client on real sockets: any size, any pieces, fifty at once, and hostile frames."""

from __future__ import annotations

import json
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from labkit import Lab, kernel
from labkit.rpc.framing import Decoder, FrameTooLong, NotJSON, Truncated, encode
from labkit.rpc.rpc import Client, Handler, RPCError, Server

PING = {"ping": lambda params: ("pong", params)}
DEADLINE = 10.0


def boom(params: Any) -> tuple[str, Any]:
    raise KeyError(params)


METHODS = {
    **PING,
    "add": lambda params: ("sum", sum(params)),
    "boom": boom,
    "set": lambda params: ("set", {1}),  # JSON has no sets
    "big": lambda params: ("big", "x" * params),
    "slow": lambda params: ("slow", time.sleep(params)),
}


@pytest.fixture(params=["!I", "I"])
def server(request) -> Iterator[Server]:
    before, threads = kernel.open_fds(), threading.active_count()
    with Server(METHODS, format=request.param) as server:
        server.format = request.param
        server.loop.on_error = lambda channel, error: None
        yield server
    assert kernel.open_fds() == before
    assert threading.active_count() == threads


@pytest.fixture
def client(server) -> Iterator[Client]:
    with Client(server.address, format=server.format, timeout=DEADLINE) as client:
        yield client


@pytest.fixture
def raw(server) -> Iterator[socket.socket]:
    with socket.create_connection(server.address, DEADLINE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


def read_replies(sock: socket.socket, format: str, count: int | None = None) -> list[dict[str, Any]]:
    """`count` replies, or all until the server closes."""
    decoder, replies = Decoder(format, limit=2**24), []
    while count is None or len(replies) < count:
        data = sock.recv(65536)
        if not data:
            decoder.end()
            assert count is None, f"the server closed after {len(replies)} of {count} replies"
            return replies
        decoder.feed(data)
        replies += decoder
    return replies


def frame(body: bytes, format: str) -> bytes:
    return struct.pack(format, len(body)) + body


# ---- what it should do -----------------------------------------------------------------------------------


def test_calls(client: Client):
    assert client.call("ping", "x") == "x"
    assert client.call("ping", {"any": [1, None, "é😀"]}) == {"any": [1, None, "é😀"]}
    assert client.call("ping") is None
    assert client.call("add", [1, 2, 3]) == 6


@pytest.mark.slow
def test_every_size_of_request_from_1_to_4096(server: Server, raw: socket.socket):
    """The size of the whole frame; what cannot be a request of that size is one that gets an error reply."""
    smallest = len(encode({"in": "ping", "params": ""}, server.format))
    for size in range(smallest, 4097):
        sent = encode({"in": "ping", "params": "x" * (size - smallest)}, server.format)
        assert len(sent) == size
        raw.sendall(sent)
        (reply,) = read_replies(raw, server.format, 1)
        assert reply == {"out": "pong", "result": "x" * (size - smallest)}
    for size in range(1, smallest - 4):
        raw.sendall(frame(b"x" * size, server.format))
        assert read_replies(raw, server.format, 1)[0]["out"] == "error"


@pytest.mark.unhurried
def test_every_size_of_params_from_1_to_4096_pipelined(client: Client):
    got = []
    for first in range(1, 4097, 16):
        for size in range(first, first + 16):
            client.send("ping", "y" * size)
        got += [len(client.receive()) for _ in range(16)]
    assert got == list(range(1, 4097))


def test_every_split_point_of_a_frame(server: Server, raw: socket.socket):
    sent = encode({"in": "ping", "params": "split"}, server.format)
    for at in range(1, len(sent)):
        raw.sendall(sent[:at])
        assert not select.select([raw], [], [], 0.001)[0], f"a reply to {at} of {len(sent)} bytes"
        raw.sendall(sent[at:])
        assert read_replies(raw, server.format, 1) == [{"out": "pong", "result": "split"}]


def test_one_byte_at_a_time_and_glued_frames(server: Server, raw: socket.socket):
    two = b"".join(encode({"in": "ping", "params": n}, server.format) for n in range(2))
    for byte in two:
        raw.sendall(bytes([byte]))
    raw.sendall(two * 100)
    assert [reply["result"] for reply in read_replies(raw, server.format, 202)] == [0, 1] * 101


def test_fifty_connections_pipelined_and_interleaved(server: Server):
    rng = random.Random(7)
    socks = [socket.create_connection(server.address, DEADLINE) for _ in range(50)]
    try:
        todo = {}
        for n, sock in enumerate(socks):
            requests = [{"in": "ping", "params": [n, i, "z" * rng.randrange(3000)]} for i in range(20)]
            todo[sock] = b"".join(encode(each, server.format) for each in requests)
        while todo:  # a piece of a stranger's frame after a piece of one's own
            sock = rng.choice(list(todo))
            piece = todo[sock][: rng.randrange(1, 4000)]
            sock.sendall(piece)
            todo[sock] = todo[sock][len(piece) :]
            if not todo[sock]:
                del todo[sock]
        for n, sock in enumerate(socks):
            got = [reply["result"][:2] for reply in read_replies(sock, server.format, 20)]
            assert got == [[n, i] for i in range(20)]
    finally:
        for sock in socks:
            sock.close()


@pytest.mark.unhurried
def test_half_close_gets_every_pending_answer(server: Server, raw: socket.socket):
    raw.sendall(b"".join(encode({"in": "big", "params": 10**6}, server.format) for _ in range(8)))
    raw.shutdown(socket.SHUT_WR)
    time.sleep(0.1)  # the replies fill every queue before the first one is read
    replies = read_replies(raw, server.format)
    assert [len(reply["result"]) for reply in replies] == [10**6] * 8


def test_prefix_and_body_of_all_replies_leave_in_one_send():
    class Ping(Handler):
        methods = PING

    with Lab(Ping) as lab:
        peer = lab.connect()
        lab.step()
        peer.send(encode({"in": "ping", "params": 1}) * 3)
        calls = [(call.name, call.arg) for call in lab.step().calls]
        assert calls == [("recv", 65536), ("send", 3 * len(encode({"out": "pong", "result": 1})))]


@pytest.mark.slow
def test_a_client_that_does_not_read_is_not_read_either():
    class Ping(Handler):
        methods = {"big": lambda params: ("big", "x" * 50_000)}
        high_water = 100_000

    with Lab(Ping, buffers=4096) as lab:
        peer = lab.connect()
        lab.step()
        asked = 0
        for _ in range(400):
            asked += peer.send(encode({"in": "big"})[:]) // len(encode({"in": "big"}))
            lab.step()
        (channel,) = lab.channels.values()
        assert channel.held and len(channel.write_buffer) < 200_000
        decoder, got = Decoder(), 0
        for _ in range(20_000):
            decoder.feed(peer.recv())
            got += sum(1 for _ in decoder)
            if got == asked:
                break
            lab.step()
        assert got == asked
        assert not channel.held and not channel.write_buffer


# ---- what it should survive ------------------------------------------------------------------------------

ERRORS = [
    (b"not json", "no JSON"),
    (b"", "no JSON"),
    (b"[1, 2]", "no object"),
    (b'"ping"', "no object"),
    (b"\xff\xfe\xfd", "no UTF-8"),
    (b'{"in": "\xc3"}', "no UTF-8"),
    (b"{}", "'in' should hold a name"),
    (b'{"in": 7, "params": 1}', "'in' should hold a name: a string, not int"),
    (b'{"in": null}', "not NoneType"),
    (b'{"in": {"in": "ping"}}', "not dict"),
    (b'{"in": "nope", "params": 1}', "there is no method 'nope'; there is ping"),
    (b'{"in": "__class__"}', "there is no method"),
    (b'{"in": "ping", "params": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "deeper than 100"),
    (b'{"in": "boom", "params": "x"}', "boom: KeyError: 'x'"),
    (b'{"in": "set"}', "not JSON serializable"),
    (b'{"in": "add", "params": "x"}', "add: TypeError"),
    (b'{"in": "big", "params": 2000000}', "FrameTooLong"),
]


@pytest.mark.parametrize(("body", "why"), ERRORS, ids=lambda value: str(value[:20]))
def test_a_bad_request_gets_an_error_reply_and_the_next_one_its_answer(server, raw, body, why):
    raw.sendall(frame(body, server.format) + encode({"in": "ping", "params": "after"}, server.format))
    error, after = read_replies(raw, server.format, 2)
    assert error["out"] == "error" and why in error["result"]
    assert after == {"out": "pong", "result": "after"}


@pytest.mark.parametrize("more", [b"", b"x" * 1000, b"x" * 3_000_000])
def test_an_oversized_prefix_gets_an_error_reply_and_a_clean_end(server, client, raw, more):
    raw.sendall(struct.pack(server.format, 0xFFFFFFFF) + more)
    (reply,) = read_replies(raw, server.format)  # no reset on the way: the reply can be read
    assert "4,294,967,295 bytes is announced; the limit is 1,048,576" in reply["result"]
    assert client.call("ping", "others go on") == "others go on"


def test_whoever_floods_after_an_oversized_prefix_is_cut_off(server, client, raw):
    raw.sendall(struct.pack(server.format, 2**31))
    with pytest.raises((ConnectionError, TimeoutError)):
        for _ in range(1000):
            raw.sendall(bytes(65536))
    assert client.call("ping", 1) == 1


def test_a_truncated_frame_gets_an_error_reply_and_a_clean_close(server, client, raw):
    raw.sendall(encode({"in": "ping", "params": 1}, server.format)[:-1])
    raw.shutdown(socket.SHUT_WR)
    (reply,) = read_replies(raw, server.format)
    assert "ended inside a frame" in reply["result"]
    assert client.call("ping", 1) == 1


def test_clients_that_vanish(server, client):
    for end in ("close", "reset", "mid-frame"):
        sock = socket.create_connection(server.address, DEADLINE)
        if end == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request = encode({"in": "big", "params": 500_000}, server.format)
        sock.sendall(request[:-3] if end == "mid-frame" else request * 5)
        sock.close()
        assert client.call("ping", end) == end
    until = time.monotonic() + DEADLINE
    while len(server.loop.channels) > 3 and time.monotonic() < until:  # listener, bell, client
        time.sleep(0.01)
    assert len(server.loop.channels) == 3


def test_random_bytes_never_hurt_the_others(server, client):
    rng = random.Random(3)
    for n in range(100):
        with socket.create_connection(server.address, DEADLINE) as sock:
            sock.sendall(rng.randbytes(rng.randrange(1, 200)))
        assert client.call("ping", n) == n


# ---- the client ------------------------------------------------------------------------------------------


def test_the_servers_errors_are_told_and_the_client_lives_on(client: Client):
    with pytest.raises(RPCError, match="there is no method 'nope'"):
        client.call("nope")
    assert client.call("ping", 1) == 1
    with pytest.raises(RuntimeError, match="nothing to receive"):
        client.receive()
    client.send("ping", 1)
    with pytest.raises(RuntimeError, match="1 replies"):
        client.call("ping", 2)


@pytest.mark.unhurried
def test_every_wait_has_a_deadline(server: Server):
    with Client(server.address, format=server.format, timeout=0.1) as client:
        with pytest.raises(TimeoutError, match="within 0.1 s"):
            client.call("slow", 0.4)
        with pytest.raises(OSError):
            client.call("ping")


def answering(reply: bytes) -> tuple[str, int]:
    """A server that reads once, replies so, and closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as sock:
            sock.settimeout(DEADLINE)
            sock.recv(1024)
            sock.sendall(reply)
            sock.shutdown(socket.SHUT_WR)
            sock.recv(1)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"", ConnectionError),
        (b"\0\0", Truncated),
        (b"\xff\xff\xff\xff", FrameTooLong),
        (frame(b"?", "!I"), NotJSON),
    ],
)
def test_a_server_that_does_not_speak_it(reply, error):
    with Client(answering(reply), timeout=DEADLINE) as client, pytest.raises(error):
        client.call("ping")


def test_the_booklets_wire_protocol_byte_for_byte():
    with Server(PING, format="I") as server, socket.create_connection(server.address, DEADLINE) as sock:
        body = json.dumps({"in": "ping", "params": "ireader 0"})
        sock.sendall(struct.pack("I", len(body)))  # its clients send the two apart
        sock.sendall(body.encode())
        (length,) = struct.unpack("I", sock.recv(4, socket.MSG_WAITALL))
        assert json.loads(sock.recv(length, socket.MSG_WAITALL)) == {"out": "pong", "result": "ireader 0"}


def test_a_server_can_be_closed_twice_and_its_port_is_free():
    server = Server(PING)
    server.close()
    server.close()
    with pytest.raises(ConnectionRefusedError):
        Client(server.address)
    with pytest.raises(ValueError, match="give"):
        Server(PING, format="i")
