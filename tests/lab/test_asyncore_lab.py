"""AsyncoreLab: asyncore's own loop, stepped, run, paused and poked in a lab like ours."""

from __future__ import annotations

import errno
import gc
import io
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from labkit import AsyncoreLab, Event, kernel
from labkit.watching import asyncore as dispatchers

from .test_attacks import no_fd_left

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    asyncore = pytest.importorskip("asyncore", reason="asyncore comes with pyasyncore from Python 3.12 on")

SELECTORS = pytest.mark.parametrize("selector", ["select", "poll"])


class Handler(asyncore.dispatcher_with_send):
    """Answers every line, as an RPC server would; knows nothing of maps or labs."""

    def __init__(self, sock: Any, addr: Any) -> None:
        asyncore.dispatcher_with_send.__init__(self, sock=sock)
        self.addr = addr
        self.rbuf = io.BytesIO()

    def handle_read(self) -> None:
        self.rbuf.write(self.recv(1024))
        *lines, rest = self.rbuf.getvalue().split(b"\n")
        self.rbuf.seek(0)
        self.rbuf.truncate()
        self.rbuf.write(rest)
        for line in lines:
            if line == b"boom":
                raise KeyError("boom")
            self.send(line + b"\n")


class Server(asyncore.dispatcher):
    def __init__(self, host: str, port: int) -> None:
        asyncore.dispatcher.__init__(self)
        self.create_socket()
        self.set_reuse_addr()
        self.bind((host, port))
        self.listen(5)

    def handle_accept(self) -> None:
        pair = self.accept()
        if pair is not None:
            Handler(*pair)


def lab(selector: str = "select", **options: Any) -> AsyncoreLab:
    return AsyncoreLab(asyncore, lambda: Server("127.0.0.1", 0), selector=selector, **options)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    module, threads, fds = dict(vars(asyncore)), threading.active_count(), kernel.open_fds()
    yield
    assert dict(vars(asyncore)) == module and not dispatchers._entered and not asyncore.socket_map
    assert threading.active_count() == threads
    assert kernel.open_fds() == fds


@SELECTORS
def test_a_server_of_dispatchers_is_stepped(selector):
    with lab(selector) as hosted:
        alice = hosted.connect("alice")
        it = hosted.step()
        assert [call.name for call in it.calls][-2:] == ["handle_accept", "accept"]
        assert it.ready == dict.fromkeys(it.interest, Event.READ) and it.timeout == 0.0
        alice.send("hello\nwor")
        it = hosted.step()
        (fd,) = it.ready
        assert it.name(fd) == "alice" and it.balance(fd) is True
        assert it.queues[fd].read_buffer == 3 and it.queues[fd].write_buffer == 0
        assert alice.recv() == b"hello\n"
        assert "handle_read" in [call.name for call in it.calls]
        assert hosted.tape.about == {"selector": selector, "loop": "asyncore"}
        assert not asyncore.socket_map  # its dispatchers live in a map of the lab's own
        assert hosted.step().ready == {}


def test_a_listening_dispatcher_may_say_how_messages_are_framed():
    class Lines(Server):
        framing = "lines"

    with AsyncoreLab(asyncore, lambda: Lines("127.0.0.1", 0)) as hosted:
        assert hosted.tape.about["framing"] == "lines"
        hosted.reset()
        assert hosted.tape.about["framing"] == "lines"


@SELECTORS
def test_every_byte_is_accounted_for_under_backpressure(selector):
    with lab(selector, buffers=4096) as hosted:
        alice = hosted.connect("alice")
        hosted.step()
        fd = hosted.channels["alice"]._fileno
        waited = False
        for _ in range(60):
            alice.send(b"x" * 499 + b"\n")
            it = hosted.step()
            assert it.balance(fd) is not False, it.explain()
            waited = waited or bool(it.interest[fd] & Event.WRITE)
        it = hosted.step()
        assert waited and it.queues[fd].write_buffer == len(hosted.channels["alice"].out_buffer) > 0
        assert [moment.after for moment in it.moments] == sorted(moment.after for moment in it.moments)
        got = 0
        for _ in range(200):
            got += len(alice.recv())
            it = hosted.step(timeout=0.01)
            assert it.balance(fd) is True
            if got == it.accounts[fd].peer_sent - (it.queues[fd].read_buffer or 0) and not alice.queues()[1]:
                break
        assert got == it.accounts[fd].sent and not it.queues[fd].write_buffer


@SELECTORS
def test_it_runs_and_pauses_at_once_even_while_asleep(selector):
    with lab(selector) as hosted:
        alice = hosted.connect("alice")
        hosted.run()
        alice.send("hello\n")
        deadline = time.monotonic() + 5
        while not (got := alice.recv()) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert got == b"hello\n"
        time.sleep(0.05)
        began = time.monotonic()
        hosted.pause()
        assert time.monotonic() - began < 0.1
        assert hosted.tape[-1].timeout == 30.0
        assert "waker" in hosted.tape[-1].names.values()
        assert "waker" not in hosted.channels
        assert set(hosted.step().interest) == {each._fileno for each in hosted.loop.channels}


def test_what_a_handler_raises_is_on_the_tape_and_the_loop_lives(capsys):
    with lab() as hosted:
        alice, bob = hosted.connect("alice"), hosted.connect("bob")
        hosted.step(2)
        alice.send("boom\n")
        it = hosted.step()
        assert [text for _, text in it.errors] == ["KeyError: 'boom'"]
        assert "alice" not in hosted.channels
        bob.send("on\n")
        hosted.step()
        assert bob.recv() == b"on\n" and alice.recv() == b"" and alice.eof
    told = capsys.readouterr().out
    assert "uncaptured python exception" in told and "labkit" not in told.partition("(")[2]


def test_two_labs_and_a_watch_do_not_mix():
    from labkit import watch

    with lab() as one, lab("poll") as two, watch(asyncore) as tape:
        one.connect("alice")
        one.step()
        two.step()
        asyncore.loop(timeout=0.01, count=1)
        assert len(one.tape) == len(two.tape) == 1 and len(tape) == 0
        assert len(one.loop.channels) == 2 and len(two.loop.channels) == 1


def test_a_lab_that_nobody_holds_is_closed():
    hosted = lab()
    hosted.connect("alice")
    hosted.run()
    del hosted
    gc.collect()


def test_closing_ends_a_step_that_sleeps(capsys):
    hosted = lab()
    steps = threading.Thread(target=lambda: hosted.step(timeout=5), daemon=True)
    steps.start()
    time.sleep(0.1)
    began = time.monotonic()
    hosted.close()
    steps.join(5)
    assert time.monotonic() - began < 1
    assert capsys.readouterr().out == ""


def test_a_loop_without_dispatchers_is_over(capsys):
    with lab() as hosted:
        hosted.server.close()
        with pytest.raises(RuntimeError, match="no dispatcher is left"):
            hosted.step()


def test_bad_servers_are_told_what_is_wrong():
    with pytest.raises(TypeError, match="needs the module asyncore"):
        AsyncoreLab(None, lambda: None)
    with pytest.raises(ValueError, match="select and poll"):
        AsyncoreLab(asyncore, lambda: None, selector="epoll")
    with pytest.raises(ValueError, match="number of bytes"):
        AsyncoreLab(asyncore, lambda: None, buffers=0)
    with pytest.raises(TypeError, match="dispatcher that listens"):
        AsyncoreLab(asyncore, lambda: None)
    with pytest.raises(ZeroDivisionError):
        AsyncoreLab(asyncore, lambda: 1 // 0)
    with pytest.raises(OSError):
        AsyncoreLab(asyncore, lambda: Server("192.0.2.1", 0))
    gc.collect()


class Stubborn(Server):
    def handle_error(self) -> None:
        """asyncore's own would close the listener."""


@SELECTORS
def test_a_listener_without_fds_rests_and_says_so_and_comes_back(selector):
    with AsyncoreLab(asyncore, lambda: Stubborn("127.0.0.1", 0), selector=selector) as hosted:
        alice = hosted.connect("alice")
        listener = hosted.server._fileno
        with no_fd_left():
            turn = hosted.step()
            assert [call.errno for call in turn.calls if call.name == "accept"] == [errno.EMFILE]
            assert "not asked about until one is free" in turn.explain()
            assert hosted.step().interest.get(listener) in (None, Event.EXCEPT)  # poll(), of a dispatcher
        turn = hosted.step()
        assert Event.READ in turn.interest[listener]
        assert [call.name for call in turn.calls].count("accept") == 1
        alice.send(b"hello\n")
        hosted.step()
        assert alice.recv(9) == b"hello\n" and "readable" not in vars(hosted.server)


def test_the_spin_can_be_shown():
    def serve() -> Any:
        return Stubborn("127.0.0.1", 0)

    with AsyncoreLab(asyncore, serve, pause_on_emfile=False) as hosted:
        hosted.connect("alice")
        with no_fd_left():
            for turn in (hosted.step(), hosted.step(), hosted.step()):
                assert errno.EMFILE in [call.errno for call in turn.calls]
