"""watch(): somebody else's loop runs as it is, is recorded, and is itself again afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import select
import selectors
import socket
import struct
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labkit import Event, Tape, kernel, watch
from labkit.tape.turn import SYSTEM_CALLS, callers, depths
from labkit.watching import asyncore as dispatchers

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    asyncore = pytest.importorskip("asyncore", reason="asyncore comes with pyasyncore from Python 3.12 on")

READ, WRITE, EXCEPT = Event.READ, Event.WRITE, Event.EXCEPT
POLLS = pytest.mark.parametrize("use_poll", [False, True], ids=["poll", "poll2"])
RST = struct.pack("ii", 1, 0)


class Handler(asyncore.dispatcher_with_send):
    def __init__(self, sock: socket.socket, addr: Any = None) -> None:
        super().__init__(sock)
        self.rbuf = io.BytesIO()

    def handle_read(self) -> None:
        data = self.recv(1024)
        self.rbuf.write(data)
        if data == b"boom":
            raise KeyError("boom")
        if data == b"exit":
            raise asyncore.ExitNow("stop")
        if data:
            self.handle_rpc(data)

    def handle_rpc(self, data: bytes) -> None:
        self.send_result(data)

    def send_result(self, data: bytes) -> None:
        self.send(data)

    def handle_expt(self) -> None:
        self.socket.recv(1, socket.MSG_OOB)


class Greedy(Handler):
    """Reads until the kernel has less than it asked for: the bug of S49."""

    def handle_read(self) -> None:
        while True:
            data = self.recv(1024)
            if len(data) < 1024:
                break


class Server(asyncore.dispatcher):
    def __init__(self, handler: type = Handler) -> None:
        super().__init__()
        self.handler = handler
        self.create_socket(socket.AF_INET, socket.SOCK_STREAM)
        self.set_reuse_addr()
        self.bind(("127.0.0.1", 0))
        self.listen(5)

    def handle_accept(self) -> None:
        pair = self.accept()  # one object with two slots, or None (S51)
        if pair is not None:
            self.handler(*pair)


class Client(asyncore.dispatcher):
    def __init__(self, address: Any) -> None:
        super().__init__()
        self.create_socket()
        self.connect(address)

    def handle_connect(self) -> None:
        pass

    def handle_write(self) -> None:
        pass

    def handle_read(self) -> None:
        self.recv(10)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    vars(asyncore).pop("__warningregistry__", None)  # the interpreter's, where a warning was raised
    module, fds = dict(vars(asyncore)), kernel.open_fds()
    kinds = [asyncore.dispatcher, asyncore.dispatcher_with_send, Handler, Greedy, Server, Client]
    classes = [dict(vars(kind)) for kind in kinds]
    yield
    asyncore.close_all(ignore_all=True)
    vars(asyncore).pop("__warningregistry__", None)
    assert list(vars(asyncore).items()) == list(module.items())
    assert all(dict(vars(kind)) == was for kind, was in zip(kinds, classes, strict=True))
    assert kernel.open_fds() == fds
    assert not dispatchers._entered


@contextlib.contextmanager
def serving(handler: type = Handler) -> Iterator[tuple[Server, socket.socket]]:
    server = Server(handler)
    with socket.create_connection(server.socket.getsockname(), timeout=5) as peer:
        yield server, peer
    asyncore.close_all(ignore_all=True)


def turn(use_poll: bool, count: int = 1, timeout: float = 1.0) -> None:
    asyncore.loop(timeout=timeout, use_poll=use_poll, count=count)


def names(it: Any) -> list[str]:
    return [call.name for call in it.calls]


# ---- asyncore is not changed by being watched ----------------------------------------------------------


def echo(use_poll: bool) -> None:
    with serving() as (_, peer):
        turn(use_poll)
        peer.send(b"hello")
        turn(use_poll)
        assert peer.recv(5) == b"hello"
        peer.send(b"!", socket.MSG_OOB)
        turn(use_poll)
        peer.shutdown(socket.SHUT_WR)
        turn(use_poll)


def error(use_poll: bool) -> None:
    with serving() as (_, peer):
        turn(use_poll)
        peer.send(b"boom")
        turn(use_poll)
        assert peer.recv(5) == b""


def exact_multiple(use_poll: bool) -> None:
    with serving(Greedy) as (_, peer):
        turn(use_poll)
        peer.send(bytes(2048))
        turn(use_poll)


def reset(use_poll: bool) -> None:
    with serving() as (_, peer):
        turn(use_poll)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        peer.close()
        turn(use_poll)


def exit_now(use_poll: bool) -> None:
    with serving() as (_, peer):
        turn(use_poll)
        peer.send(b"exit")
        with pytest.raises(asyncore.ExitNow, match="stop"):
            turn(use_poll)


def backpressure(use_poll: bool) -> None:
    with serving() as (_, peer):
        turn(use_poll)
        handler = next(each for each in asyncore.socket_map.values() if isinstance(each, Handler))
        handler.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        handler.send(bytes(200_000))
        while handler.out_buffer:
            peer.recv(200_000)
            turn(use_poll)


def client(use_poll: bool) -> None:
    with serving() as (server, _):
        Client(server.socket.getsockname())
        turn(use_poll, 3)


def refused(use_poll: bool) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        Client(nobody.getsockname())
        turn(use_poll, 2)


def nothing_to_do(use_poll: bool) -> None:
    with serving() as (server, _):
        server.readable = lambda: False
        server.accepting = False
        server.writable = lambda: False
        turn(use_poll, timeout=0.05)


SCRIPTS = [echo, error, exact_multiple, reset, exit_now, backpressure, client, refused, nothing_to_do]


def transcript(monkeypatch: Any, capsys: Any, script: Callable[[], None]) -> list[Any]:
    """Every wait with its fd sets and answers, every socket call, and all that was printed."""
    said: list[Any] = []

    def spy(owner: Any, name: str, show: Callable[..., Any] = lambda *args: args) -> None:
        real = getattr(owner, name)

        def spying(*args: Any) -> Any:
            try:
                answer = real(*args)
            except BaseException as problem:
                said.append((name, show(*args), repr(problem)))
                raise
            said.append((name, show(*args), answer if name in ("select", "poll", "sleep", "send") else None))
            return answer

        monkeypatch.setattr(owner, name, spying)

    class Poll:
        """The real one, with what it was told and what it said."""

        def __init__(self) -> None:
            self.real = poll()

        def register(self, fd: int, flags: int) -> None:
            said.append(("register", fd, flags))
            self.real.register(fd, flags)

        def poll(self, timeout: Any) -> Any:
            answer = self.real.poll(timeout)
            said.append(("poll", timeout, answer))
            return answer

    poll = select.poll
    with monkeypatch.context() as monkeypatch:
        spy(select, "select")
        spy(time, "sleep")
        monkeypatch.setattr(select, "poll", Poll)
        for name in ("recv", "send", "accept", "connect_ex", "close"):
            spy(socket.socket, name, lambda sock, *args: (sock.fileno(), len(args)))
        script()
    printed = re.sub(r"0x[0-9a-f]+|127\.0\.0\.1:\d+", "…", capsys.readouterr().out)
    return [*said, printed]


@POLLS
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_watched_loop_makes_the_same_calls_with_the_same_answers(script, use_poll, monkeypatch, capsys):
    def watched() -> None:
        with watch(asyncore):
            script(use_poll)

    # TCP's own timers may let a write fit in one run and not in the next; a difference of ours stays.
    for _ in range(5):
        plain = transcript(monkeypatch, capsys, lambda: script(use_poll))
        seen = transcript(monkeypatch, capsys, watched)
        if seen == plain:
            break
    assert seen == plain


def test_an_exception_leaves_nothing_of_the_recorder_behind():
    before = dict(vars(asyncore))
    with pytest.raises(ZeroDivisionError), watch(asyncore):
        server = Server()
        assert asyncore.select is not select
        1 / 0  # noqa: B018
    assert dict(vars(asyncore)) == before
    assert asyncore.select is select and type(server.socket) is socket.socket


def test_sockets_and_classes_are_themselves_afterwards_and_look_so_meanwhile():
    with serving() as (server, peer):
        handle_read = Handler.handle_read
        with watch(asyncore):
            turn(False)
            handler = next(each for each in asyncore.socket_map.values() if isinstance(each, Handler))
            assert isinstance(handler.socket, socket.socket)
            assert repr(type(handler.socket)) == repr(socket.socket)
            assert Handler.handle_read is not handle_read
        assert type(handler.socket) is type(server.socket) is socket.socket
        assert Handler.handle_read is handle_read
        peer.send(b"on")
        turn(False)
        assert peer.recv(2) == b"on"


def test_watches_nest_and_overlap():
    outer, inner = Tape(), Tape()
    first, second = watch(asyncore, outer), watch(asyncore, inner)
    with serving() as (_, peer):
        first.__enter__()
        turn(False)
        second.__enter__()
        peer.send(b"x")
        turn(False)
        first.__exit__(None, None, None)  # the older one ends first
        turn(False, timeout=0.01)
        second.__exit__(None, None, None)
    assert (len(outer), len(inner)) == (2, 2)
    assert [call[:4] for call in outer[1].calls] == [call[:4] for call in inner[0].calls]


def test_one_thread_is_recorded():
    mine: dict[int, Any] = {}
    with serving(), watch(asyncore) as tape:
        turn(False)
        thread = threading.Thread(target=asyncore.poll, args=(0.01, mine))
        left, right = socket.socketpair()
        asyncore.dispatcher(left, mine)
        thread.start()
        thread.join(5)
        turn(False, timeout=0.01)
        asyncore.close_all(mine)
        right.close()
    assert len(tape) == 2 and len({it.thread for it in tape}) == 1


# ---- what the tape of asyncore shows ---------------------------------------------------------------------


@POLLS
def test_loop_waits_30_seconds_at_most(use_poll):  # S43
    with serving(), watch(asyncore) as tape:
        asyncore.loop(use_poll=use_poll, count=1)
    assert tape[0].timeout == 30.0
    assert tape.about["selector"] == ("poll" if use_poll else "select")


def test_poll_calls_read_write_exception_and_poll2_calls_readwrite():  # S44
    for use_poll in (False, True):
        with serving() as (_, peer), watch(asyncore) as tape:
            turn(use_poll)
            peer.send(b"hello")
            turn(use_poll)
            next(each for each in asyncore.socket_map.values() if isinstance(each, Handler)).out_buffer = b"x"
            turn(use_poll)
            peer.send(b"!", socket.MSG_OOB)
            turn(use_poll)
        called = {
            callee for it in tape for caller, callee in callers(it.calls) if caller in ("poll", "poll2")
        }
        assert called == ({"readwrite"} if use_poll else {"read", "write", "_exception"})
        assert tape[3].ready[tape[3].calls[0].fd] & EXCEPT
        assert "handle_expt_event" in names(tape[3]) and "handle_expt" in names(tape[3])
        if use_poll:
            assert tape[3].calls[0].arg & select.POLLPRI


@POLLS
def test_the_chain_from_handle_read_to_send_is_one_iteration(use_poll):  # S45
    with serving() as (_, peer):
        turn(use_poll)
        with watch(asyncore) as tape:
            peer.send(b"hello")
            turn(use_poll)
    (it,) = tape
    event = "readwrite" if use_poll else "read"
    assert names(it) == [
        *(event, "handle_read_event", "handle_read", "recv"),
        *("handle_rpc", "send_result", "initiate_send", "send"),
    ]
    assert depths(it.calls) == [0, 1, 2, 3, 3, 4, 5, 6]
    (fd,) = it.ready
    assert not it.interest[fd] & WRITE  # send did not wait to be told that it can
    assert it.calls[-1][:5] == (fd, "send", 5, 5, 0)
    assert it.name(fd) == f"Handler :{peer_port(it, fd)}"


def peer_port(it: Any, fd: int) -> str:
    return it.names[fd].rpartition(":")[2]


@POLLS
def test_read_buffer_is_the_programs_and_write_buffer_asyncores(use_poll):  # S46
    with serving() as (_, peer):
        turn(use_poll)
        handler = next(each for each in asyncore.socket_map.values() if isinstance(each, Handler))
        handler.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with watch(asyncore) as tape:
            peer.send(b"hello")
            handler.out_buffer = bytes(10_000_000)
            turn(use_poll)
        queues = tape[0].queues[handler._fileno]
        assert queues.read_buffer == 5 and queues.recv_queue == 0
        assert queues.write_buffer == len(handler.out_buffer) > 9_000_000
        assert queues.send_queue is not None


@pytest.mark.parametrize("buffer", [b"abc", bytearray(b"abc"), "abc", io.BytesIO(b"abc"), io.StringIO("abc")])
@pytest.mark.parametrize("name", ["rbuf", "read_buffer", "in_buffer", "ac_in_buffer"])
def test_a_read_buffer_is_found_by_its_usual_names(name, buffer):
    from labkit.watching.dispatchers import dispatcher_sizes

    class Program:
        pass

    program = Program()
    setattr(program, name, buffer)
    assert dispatcher_sizes(program) == (3, None)


@POLLS
def test_an_exact_multiple_of_1024_closes_the_connection(use_poll, capsys):  # S49
    with serving(Greedy) as (_, peer):
        turn(use_poll)
        with watch(asyncore) as tape:
            peer.send(bytes(2048))
            turn(use_poll)
    received = [call for call in tape[0].calls if call.name == "recv"]
    assert [(call.arg, call.result) for call in received] == [(1024, 1024), (1024, 1024), (1024, None)]
    assert received[-1].errno in (11, 35)  # EAGAIN
    assert names(tape[0])[-3:] == ["handle_error", "handle_close", "close"]
    assert tape[0].errors[0][1].startswith("BlockingIOError")
    assert "uncaptured python exception" in capsys.readouterr().out


@POLLS
def test_handle_connect_is_never_called_on_accept(use_poll):  # S50
    with serving() as (_, peer), watch(asyncore) as tape:
        peer.send(b"hello")
        turn(use_poll, 3, timeout=0.01)
    called = {name for it in tape for name in names(it)}
    assert "accept" in called and not called & {"handle_connect", "handle_connect_event"}


def test_accept_gives_one_object_or_none():  # S51
    with watch(asyncore) as tape, serving() as (server, _):
        pair = server.accept()
        assert isinstance(pair, tuple) and len(pair) == 2
        pair[0].close()
        assert server.accept() is None
        turn(False, timeout=0.01)
    accepted = [call for call in tape[0].calls if call.name == "accept"]
    assert [call.errno == 0 for call in accepted] == [True, False]
    assert accepted[0].at_ns < 0  # before the loop waited at all
    with pytest.raises(TypeError):
        _, _ = None  # type: ignore[misc]


def test_with_nothing_to_ask_poll_sleeps_the_whole_timeout():  # S54
    with serving() as (server, _):
        server.readable = server.writable = lambda: False
        with watch(asyncore) as tape:
            turn(False, timeout=0.1)
    assert (tape[0].timeout, tape[0].interest, tape[0].ready) == (0.1, {}, {})
    assert tape[0].asleep_ns >= 95_000_000


def test_an_fd_select_cannot_take_ends_the_loop_and_is_on_the_tape():  # S57
    soft, _ = kernel.fd_limit()
    if soft < 1100:
        pytest.skip(f"needs an fd numbered 1024: ulimit -n is {soft}")
    with serving() as (server, _):
        moved = socket.socket(fileno=high_duplicate(server.socket))
        asyncore.dispatcher(moved)
        with pytest.raises(ValueError, match="out of range"), watch(asyncore) as tape:
            turn(False)
        assert tape[0].errors == ((-1, "ValueError: filedescriptor out of range in select()"),)


def high_duplicate(sock: socket.socket) -> int:
    import fcntl

    return fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 1024)


def test_every_call_is_a_system_call_or_a_method_with_its_extent():
    with serving() as (_, peer), watch(asyncore) as tape:
        peer.send(b"hello")
        turn(False, 2)
    for it in tape:
        for at, (call, depth) in enumerate(zip(it.calls, depths(it.calls), strict=True)):
            inside = [each for each in depths(it.calls)[at + 1 :] if each > depth]
            if call.name not in SYSTEM_CALLS:
                assert call.result is not None and call.result <= len(inside)


# ---- asyncio, selectors, and what cannot be watched ------------------------------------------------------


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


@POLLS
def test_a_dispatcher_with_the_fd_and_the_place_in_memory_of_a_closed_one_is_another(
    use_poll: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dispatchers, "id", lambda each: 1, raising=False)  # as if memory gave the same place
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        clients = [stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(2)]
        map: dict[int, Any] = {}
        stack.callback(asyncore.close_all, map)
        tape = stack.enter_context(watch(asyncore))
        first = asyncore.dispatcher(listener.accept()[0], map)
        fd = first.socket.fileno()
        asyncore.loop(0, use_poll, map, count=2)
        first.close()
        assert asyncore.dispatcher(listener.accept()[0], map).socket.fileno() == fd
        asyncore.loop(0, use_poll, map, count=2)
        port = clients[1].getsockname()[1]
        assert tape[-1].name(fd) == f"dispatcher :{port}" and fd in tape[-1].queues


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="an eventfd is Linux's")
def test_an_fd_that_is_no_socket_has_the_kernels_name():
    event, (read_end, write_end) = os.eventfd(1), os.pipe()
    with selectors.DefaultSelector() as selector, watch(selector) as tape:
        selector.register(event, selectors.EVENT_READ)
        selector.register(read_end, selectors.EVENT_READ)
        selector.select(5)
    for fd in (event, read_end, write_end):
        os.close(fd)
    assert tape[0].name(event) == "eventfd"
    assert tape[0].name(read_end) == f"fd {read_end}"


def test_a_running_asyncio_loop_is_watched_and_restored():
    async def main() -> tuple[Tape, int]:
        loop: Any = asyncio.get_running_loop()
        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(*address)
        selector, before = loop._selector, dict(vars(loop._selector))
        with watch(loop, calls=True) as tape:
            writer.write(b"hello")
            assert await asyncio.wait_for(reader.read(5), 5) == b"hello"
            assert "select" in vars(selector)
        assert loop._selector is selector and vars(selector).keys() == before.keys()
        port = writer.get_extra_info("sockname")[1]
        transports = list(loop._transports.values())
        assert all(type(each._sock) is socket.socket for each in transports)
        writer.close()
        await writer.wait_closed()
        server.close()
        await asyncio.wait_for(server.wait_closed(), 5)
        return tape, port

    tape, port = asyncio.run(main())
    named = {name for it in tape for name in it.names.values()}
    assert {"self-pipe", "listener", f"client :{port}"} <= named
    fd = next(fd for fd, name in tape[-1].names.items() if name == f"client :{port}")
    seen = [(call.name, call.result) for it in tape for call in it.calls if call.fd == fd]
    assert seen == [("recv", 5), ("send", 5)]
    asked = [it.interest[fd] for it in tape if fd in it.interest]
    assert set(asked) == {READ}  # S74: send is tried first; nobody waited to write


def test_an_asyncio_write_buffer_grows_and_asks_for_write_only_then():  # S74
    async def main() -> Tape:
        here, there = socket.socketpair()
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        there.setblocking(False)
        _, writer = await asyncio.open_connection(sock=here)
        with watch(asyncio.get_running_loop(), calls=True) as tape, there:
            writer.write(bytes(300_000))
            left = 300_000
            while left:
                await asyncio.sleep(0)
                with contextlib.suppress(BlockingIOError):
                    left -= len(there.recv(100_000))
            writer.transport.abort()
            await asyncio.sleep(0)
        return tape

    tape = asyncio.run(main())
    sizes = [
        queues.write_buffer for it in tape for queues in it.queues.values() if queues.write_buffer is not None
    ]
    assert max(sizes) > 200_000 and min(sizes) == 0
    assert any(events & WRITE for it in tape for events in it.interest.values())


def test_a_loop_that_does_not_run_yet_is_watched_too():
    loop = asyncio.SelectorEventLoop(selectors.PollSelector())
    try:
        with watch(loop) as tape:
            loop.run_until_complete(asyncio.sleep(0.01))
        assert tape.about == {"selector": "poll", "loop": "asyncio"}
        assert len(tape) >= 1 and "self-pipe" in tape[0].names.values()
        assert not any(turn.calls or turn.queues for turn in tape)  # sets and times, unless asked for calls
    finally:
        loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        watch(loop)


def test_any_selector_is_watched_and_watches_overlap():
    left, right = socket.socketpair()
    with left, right, selectors.SelectSelector() as selector:
        selector.register(left, selectors.EVENT_READ, "left")
        first, second = watch(selector), watch(selector)
        one, two = first.__enter__(), second.__enter__()
        right.send(b"x")
        assert selector.select(1)[0][0].data == "left"
        selector.modify(left, selectors.EVENT_WRITE)
        assert selector.select(1)
        first.__exit__(None, None, None)
        selector.unregister(left)
        assert selector.select(0) == []
        second.__exit__(None, None, None)
        assert not {"select", "register", "modify", "unregister"} & vars(selector).keys()
        fd = left.fileno()
    assert [it.interest for it in one] == [{fd: READ}, {fd: WRITE}]
    assert [it.interest for it in two] == [{fd: READ}, {fd: WRITE}, {}]
    assert one[0].ready == {fd: READ} and one[0].timeout == 1


def test_a_tape_can_go_on():
    tape = Tape()
    for _ in range(2):
        with serving(), watch(asyncore, tape):
            turn(False)
    assert len(tape) == 2 and len(tape[1].interest) == 1


@pytest.mark.parametrize("target", [None, "asyncore", asyncio, select, socket, 3, object()])
def test_what_cannot_be_watched_is_told_what_can(target):
    with pytest.raises(TypeError, match="import asyncore; watch\\(asyncore\\)"):
        watch(target)
    with pytest.raises(TypeError, match="Tape"):
        watch(asyncore, "tape")  # type: ignore[arg-type]
