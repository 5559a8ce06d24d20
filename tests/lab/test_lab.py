"""A Lab does what it is told, says what happened, hangs never and leaves nothing behind."""

import contextlib
import gc
import multiprocessing
import os
import resource
import select
import socket
import struct
import threading

import pytest

from labkit import Channel, Event, Lab, LiveFigure, Queues, kernel
from labkit.record.selectors import available
from labkit.rpc import rpc
from tests.helpers import until

from ..helpers import interrupted


class Echo(Channel):
    def handle_read(self):
        self.write(self.recv(1024))


class Hoard(Channel):
    """Takes what arrives and keeps it."""

    def handle_read(self):
        self.read_buffer += self.recv(1024)


@pytest.fixture(params=available())
def lab(request):
    with Lab(Echo, selector=request.param, buffers=4096) as lab:
        yield lab


def fd_of(lab, name):
    return lab.channels[name].socket.fileno()


def test_one_step_is_one_iteration_in_the_loops_own_thread(lab):
    alice = lab.connect("alice")
    assert len(lab.tape) == 0
    first = lab.step()
    assert (first.index, len(lab.tape)) == (0, 1)
    assert [call.name for call in first.calls] == ["accept"]
    assert first.thread == lab.thread.ident != threading.get_ident()
    assert first.timeout == 0
    fd = fd_of(lab, "alice")
    assert first.calls[0].result == fd
    alice.send(b"hello")
    second = lab.step()
    assert second.interest[fd] == Event.READ and second.ready[fd] == Event.READ
    calls = [(c.name, c.arg, c.result, c.errno) for c in second.calls if c.fd == fd]
    assert calls == [("recv", 1024, 5, 0), ("send", 5, 5, 0)]
    assert second.queues[fd] == Queues(0, 0, 0, 0)
    assert second.balance(fd) is True
    assert alice.recv() == b"hello"
    assert lab.step(3).index == 4


def test_times_are_those_of_the_wait_and_the_handlers():
    with Lab(Echo, selector="select") as lab:
        turn = lab.step(timeout=0.05)
        assert turn.ready == {} and turn.timeout == 0.05
        assert turn.asleep_ns >= 50_000_000 > turn.cpu_ns
        assert turn.awake_ns < turn.asleep_ns


@pytest.mark.parametrize("selector", available())
def test_the_same_pokes_give_the_same_tape(selector):
    # Large buffers: in a small one TCP's own timers (delayed ACK, window probe) move bytes at their own time.
    def script():
        with Lab(Echo, selector=selector) as lab:
            alice, bob = lab.connect("alice"), lab.connect("bob")
            lab.step(2)
            for size in (1, 1000, 3000, 5000, 5000, 5000):
                alice.send(b"x" * size)
                bob.send(b"y" * (size // 3))
                lab.step(2)
                bob.recv()
            alice.shutdown()
            bob.reset()
            lab.step(4)
            alice.recv(10_000)
            lab.step(3)
            return [timeless(turn) for turn in lab.tape]

    def timeless(turn):
        calls = tuple(call._replace(at_ns=0) for call in turn.calls)
        moments = tuple((m.after, m.fd, m.queues, m.account) for m in turn.moments)
        sets = turn.interest, turn.ready, turn.timeout, turn.names, turn.capacity
        return turn.index, calls, moments, sets, turn.queues, turn.accounts, turn.pokes, turn.errors

    first, second = script(), script()
    assert len(first) == 21
    assert second == first


def test_run_sleeps_as_the_loop_really_does_and_pause_wakes_it():
    calls_of = {"select": ["pselect6"], "poll": ["poll", "ppoll"], "epoll": ["epoll_wait"]}
    for selector in set(available()) - {"busy"}:
        with Lab(Echo, selector=selector) as lab:
            assert lab.run() is lab and lab.running
            if kernel.LINUX:
                asleep = calls_of.get(selector, sum(calls_of.values(), []))
                until(lambda lab=lab, calls=asleep: (b := kernel.blocked_in(lab.thread)) and b.call in calls)
            lab.pause()
            assert not lab.running
            turn = lab.tape[-1]
            assert turn.timeout is None
            assert [turn.name(fd) for fd in turn.ready] == ["waker"]
            assert "waker" not in [lab.step().name(fd) for fd in lab.step().interest]


def test_run_serves_peers_meanwhile(lab):
    lab.run()
    alice = lab.connect("alice")
    alice.send(b"hello")
    until(lambda: alice.recv() == b"hello")
    lab.pause()
    lab.run().run()
    lab.pause().pause()
    assert not lab.running


def test_run_for_a_time_pauses_by_itself():
    with Lab(Echo, selector="busy") as lab:
        while len(lab.tape) <= 100:  # on a machine that has little time for it, too
            lab.run(seconds=0.05)
            assert not lab.running
        assert all(call.name == "accept" and call.errno for call in lab.tape[50].calls)


def test_a_busy_loop_has_a_budget(monkeypatch):
    monkeypatch.setattr("labkit.lab.engine.BUSY_BUDGET", 0.1)
    with Lab(Echo, selector="busy") as lab:
        lab.run()
        until(lambda: not lab.running)


def test_a_step_while_running_pauses_first(lab):
    lab.run()
    index = lab.step().index
    assert not lab.running and lab.tape[-1].index == index


def test_a_handlers_error_is_on_the_tape_and_the_loop_lives(capsys):
    class Faulty(Channel):
        def handle_read(self):
            raise KeyError(self.recv(10).decode())

    with Lab(Faulty) as lab:
        alice = lab.connect("alice")
        lab.step()
        fd = fd_of(lab, "alice")
        alice.send(b"pong")
        turn = lab.step()
        assert turn.errors == ((fd, "KeyError: 'pong'"),)
        assert "alice: its handler raised KeyError: 'pong'" in turn.explain()
        assert fd not in lab.step().interest
        bob = lab.connect("bob")
        lab.step()
        assert "bob" in lab.channels and bob.open


def test_what_the_wait_raises_is_raised_and_on_the_tape():
    with Lab(Echo, selector="select") as lab:
        lab.connect("alice")
        lab.step()
        socket.socket.close(lab.channels["alice"].socket)  # behind the loop's back
        with pytest.raises((ValueError, OSError)):
            lab.step()
        assert "The wait itself failed" in lab.tape[-1].explain()
        lab.loop.channels = {c for c in lab.loop.channels if c.socket.fileno() >= 0}


def test_the_four_buffers_fill_and_drain():
    with Lab(Echo, selector="select", buffers=4096) as lab:
        alice = lab.connect("alice")
        lab.step()
        fd = fd_of(lab, "alice")
        while not lab.tape[-1].queues[fd].write_buffer:
            alice.send(b"x" * 4096)
            lab.step()
        turn = lab.tape[-1]
        assert turn.queues[fd].send_queue > 0
        assert turn.accounts[fd].peer_unread > 0
        assert Event.WRITE in lab.step().interest[fd]
        until(lambda: (alice.recv(), lab.step()) and alice.received == alice.sent)
        assert lab.tape[-1].queues[fd] == Queues(0, 0, 0, 0)


def test_a_stepped_iteration_shows_the_bytes_between_its_calls():
    with Lab(Echo) as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.send(b"hello")
        turn = lab.step()
        assert [(m.after, m.queues.recv_queue, m.account.peer_unread) for m in turn.moments] == [
            (0, 5, 0),
            (1, 0, 0),
            (2, 0, 5),
        ]


def test_the_read_buffer_is_the_users():
    with Lab(Hoard) as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.send(b"x" * 3000)
        held = [lab.step().queues[fd_of(lab, "alice")] for _ in range(3)]
        assert [(q.recv_queue, q.read_buffer) for q in held] == [(1976, 1024), (952, 2048), (0, 3000)]


def test_fd_numbers_are_reused_and_names_follow():
    with Lab(Echo) as lab:
        alice = lab.connect("alice")
        lab.step()
        fd = fd_of(lab, "alice")
        alice.close()
        gone = lab.step()
        assert gone.name(fd) == "alice" and fd not in gone.queues
        bob = lab.connect("bob")
        spare = [socket.socket() for _ in range(8)]
        lab.step()
        for each in spare:
            each.close()
        assert bob.open and "alice" not in lab.step().names.values()


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: Lab(Echo, selector="iocp"), ValueError, "it has busy, .*select"),
        (lambda: Lab(Echo, buffers=0), ValueError, "4096"),
        (lambda: Lab(lambda data: data), TypeError, "class Echo"),
        (lambda: Lab(object), TypeError, "class Echo"),
    ],
)
def test_a_wrong_lab_says_what_to_do(wrong, error, says):
    before = kernel.open_fds()
    with pytest.raises(error, match=says):
        wrong()
    assert kernel.open_fds() == before


def test_the_fd_limit_is_named_with_what_raises_it():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Lab(Echo) as lab:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(kernel.open_fds()) + 20, hard))
        try:
            with pytest.raises(OSError, match="ulimit -n"):
                for _ in range(50):
                    lab.connect()
            with pytest.raises(OSError, match="ulimit -n"):
                Lab(Echo)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.unhurried
def test_a_full_backlog_is_named_with_what_empties_it(monkeypatch):
    monkeypatch.setattr("labkit.lab.peer.CONNECT_WITHIN", 0.3)
    with Lab(Echo) as lab, pytest.raises(TimeoutError, match="backlog is full.*lab.step"):
        for _ in range(400):
            lab.connect()


def test_wrong_orders_say_what_to_do():
    with Lab(Echo) as lab:
        with pytest.raises(ValueError, match="1 or more"):
            lab.step(0)
        for timeout in (None, -1, 10**6):
            with pytest.raises(ValueError, match="a step sleeps 0 to 60 s"):
                lab.step(timeout=timeout)
        alice = lab.connect("alice")
        alice.close()
        alice.close()
        with pytest.raises(ValueError, match="alice is closed; connect another"):
            alice.send(b"x")
    for order in (lab.step, lab.run, lab.connect):
        with pytest.raises(RuntimeError, match="this lab is closed"):
            order()
    lab.close()
    assert "closed" in repr(lab)


def test_a_peer_of_the_same_name_replaces_the_older():
    with Lab(Echo) as lab:
        first = lab.connect("alice")
        second = lab.connect("alice")
        assert not first.open and second.open and lab.peers == {"alice": second}


def test_peers_without_a_name_get_one():
    with Lab(Echo) as lab:
        assert [lab.connect().name, lab.connect().name] == ["peer 1", "peer 2"]


def test_a_slow_handler_makes_pause_say_where_it_sleeps(monkeypatch):
    monkeypatch.setattr("labkit.lab.engine.ANSWER_WITHIN", 0.2)
    release = threading.Event()

    class Slow(Channel):
        def handle_read(self):
            self.recv(10)
            release.wait(10)

    with Lab(Slow) as lab:
        alice = lab.connect("alice")
        lab.step()
        lab.run()
        alice.send(b"x")
        until(lambda: lab.channels["alice"] and len(lab.tape) >= 1 and kernel.blocked_in(lab.thread))
        with pytest.raises(TimeoutError, match="a handler has not returned"):
            until(lambda: lab.pause() and lab.run() and None)
        release.set()
        monkeypatch.setattr("labkit.lab.engine.ANSWER_WITHIN", 10)
        lab.pause()


def test_an_interrupt_leaves_a_lab_that_works():
    with Lab(Echo) as lab:
        with pytest.raises(KeyboardInterrupt), interrupted():
            lab.run(seconds=30)
        assert not lab.running
        assert lab.step().ready == {}


def test_an_interrupted_sleep_does_not_hold_the_lab_up():
    lab = Lab(Echo)
    with pytest.raises(KeyboardInterrupt), interrupted(), lab:
        lab.step(timeout=60)
    assert not lab.thread.is_alive()


@pytest.mark.slow
def test_nothing_is_left_of_two_hundred_labs():
    def once():
        with Lab(Echo, selector="epoll" if hasattr(select, "epoll") else "select") as lab:
            lab.connect("alice").send(b"hello")
            lab.step(2)
            lab.run()

    once()
    gc.collect()
    fds, threads = kernel.open_fds(), threading.active_count()
    for _ in range(200):
        once()
    gc.collect()
    assert kernel.open_fds() == fds
    assert threading.active_count() == threads
    assert multiprocessing.active_children() == []


@pytest.mark.unhurried
def test_a_forgotten_lab_is_closed_with_its_last_reference():
    fds = kernel.open_fds()
    lab = Lab(Echo)
    lab.connect("alice")
    lab.run()
    thread = lab.thread
    del lab
    gc.collect()
    until(lambda: not thread.is_alive())
    assert kernel.open_fds() == fds


def test_the_port_is_free_again():
    with Lab(Echo) as lab:
        address = lab.address
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 1)


@pytest.mark.slow
def test_a_busy_loop_takes_in_a_crowd_too():
    with Lab(Echo, selector="busy") as lab:
        lab.crowd(3)
        assert len(lab.channels) == 3 and not lab.running


@pytest.mark.slow
def test_a_crowd_is_accepted_and_echoes():
    with Lab(Echo, selector="epoll" if hasattr(select, "epoll") else "poll") as lab:
        crowd = lab.crowd(50)
        assert len(lab.channels) == 50
        lab.run()
        answer = crowd.echo(3, seconds=0.2)
        lab.pause()
        assert answer["round_trips"] > 3
        with pytest.raises(ValueError, match="ulimit -n"):
            lab.crowd(10**7)
    assert crowd._process.poll() is not None


def test_a_handler_that_closes_and_then_raises_is_named():
    class Hasty(Channel):
        def handle_read(self):
            self.recv(10)[0]

    with Lab(Hasty) as lab:
        alice = lab.connect("alice")
        lab.step()
        fd = fd_of(lab, "alice")
        alice.close()
        turn = lab.step()
        assert turn.errors == ((fd, "IndexError: index out of range"),)
        assert "alice: its handler raised" in turn.explain()


def test_a_handler_that_asks_for_more_of_a_closed_channel_loses_only_that(lab):
    class Greedy(Channel):
        def handle_read(self):
            self.recv(10)
            self.abort()
            self.declare(Event.READ)

    lab.loop.channels.copy().pop().handler = Greedy
    alice = lab.connect("alice")
    lab.step()
    alice.send(b"x")
    assert "descriptor" in lab.step().errors[0][1]
    lab.connect("bob")
    lab.step()
    assert list(lab.channels) == ["bob"]


def test_a_handler_cannot_step_its_own_lab():
    class Impatient(Channel):
        def handle_read(self):
            self.recv(10)
            lab.step()

    with Lab(Impatient) as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.send(b"x")
        assert "RuntimeError: a handler cannot step its own lab" in lab.step().errors[0][1]


def test_a_handler_can_pause_its_lab():
    class Wait(Channel):
        def handle_read(self):
            self.recv(10)
            lab.pause()

    with Lab(Wait) as lab:
        alice = lab.connect("alice")
        lab.run()
        alice.send(b"x")
        until(lambda: not lab.running)
        assert not any(turn.errors for turn in lab.tape)
        alice.send(b"x")
        assert [call.name for call in lab.step().calls] == ["recv"]


@pytest.mark.parametrize("selector", available())
def test_a_handler_can_close_its_lab(selector):
    class Last(Channel):
        def handle_read(self):
            lab.close()

    before = kernel.open_fds()
    lab = Lab(Last, selector=selector)
    alice = lab.connect("alice")
    lab.step()
    alice.send(b"x")
    assert lab.step(3).index == 1
    until(lambda: not lab.thread.is_alive())
    assert kernel.open_fds() == before


@pytest.mark.unhurried
def test_a_step_that_gets_no_answer_says_why_and_is_never_made(monkeypatch):
    monkeypatch.setattr("labkit.lab.engine.ANSWER_WITHIN", 0.2)
    release = threading.Event()

    class Slow(Channel):
        def handle_read(self):
            self.recv(10)
            release.wait(10)

    with Lab(Slow) as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.send(b"x")
        for _ in range(2):
            with pytest.raises(TimeoutError, match="the loop has not answered"):
                lab.step()
        release.set()
        monkeypatch.setattr("labkit.lab.engine.ANSWER_WITHIN", 10)
        assert lab.step().index == 2


@pytest.mark.slow
def test_many_steps_may_take_their_time(monkeypatch):
    monkeypatch.setattr("labkit.lab.engine.ANSWER_WITHIN", 2)
    with Lab(Echo) as lab:
        assert lab.step(12, timeout=0.2).index == 11  # longer than one answer may take


def test_an_interrupt_ends_many_steps():
    with Lab(Echo) as lab:
        with pytest.raises(KeyboardInterrupt), interrupted():
            lab.step(10**9)
        lab.step()
        assert len(lab.tape) < 10**8


def test_an_interrupted_close_closes_everything():
    before, release = kernel.open_fds(), threading.Event()

    class Slow(Channel):
        def handle_read(self):
            self.recv(10)
            release.wait(10)

    lab = Lab(Slow)
    alice = lab.connect("alice")
    lab.run()
    alice.send(b"x")
    until(
        lambda: (
            lab.channels and lab.channels["alice"] and (b := kernel.blocked_in(lab.thread)) and b.fd is None
        )
    )
    with pytest.raises(KeyboardInterrupt), interrupted():
        lab.close()
    release.set()
    until(lambda: kernel.open_fds() == before)  # a join() that was interrupted once returns at once


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_cannot_close_what_its_parent_uses():
    with Lab(Echo, selector="epoll" if hasattr(select, "epoll") else "select") as lab:
        alice = lab.connect("alice")
        lab.step()
        child = os.fork()
        if not child:
            try:
                lab.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        alice.send(b"x")
        assert [call.name for call in lab.step().calls] == ["recv", "send"]
        lab.connect("bob")
        assert [call.name for call in lab.step().calls] == ["accept"]


def test_a_wrong_argument_leaves_a_peer_that_can_be_counted():
    with Lab(Echo) as lab:
        alice = lab.connect("alice")
        lab.step()
        for wrong in (lambda: alice.send([1]), lambda: alice.recv(-1)):
            with pytest.raises((TypeError, ValueError)):
                wrong()
        alice.send(b"x")
        turn = lab.step()
        assert turn.balance(fd_of(lab, "alice")) is True


def test_a_selector_of_another_lab_is_refused():
    kind = available()["select"]
    selector = kind()
    before = kernel.open_fds()
    with Lab(Echo, selector=selector), pytest.raises(ValueError, match="watches fds already: make a new"):
        Lab(Echo, selector=selector)
    with pytest.raises(ValueError, match="is closed: make a new one"):
        Lab(Echo, selector=selector)
    assert kernel.open_fds() == before


def test_an_accept_at_the_fd_limit_names_it():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Lab(Echo) as lab:
        alice, spare = lab.connect("alice"), []
        resource.setrlimit(resource.RLIMIT_NOFILE, (alice.fileno() + 1, hard))
        try:
            with contextlib.suppress(OSError):
                while True:
                    spare.append(os.dup(alice.fileno()))
            turn = lab.step()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for fd in spare:
                os.close(fd)
        assert "ulimit -n" in turn.errors[0][1]


def test_a_peers_name_and_a_timeout_are_plain_on_the_tape():
    class Name(str):
        pass

    class Number(float):
        pass

    with Lab(Echo) as lab:
        assert lab.connect(7).name == "7"
        lab.connect(Name("alice"))
        turn = lab.step(timeout=Number(0.5))
        assert type(turn.timeout) is float and [type(each.peer) for each in turn.pokes] == [str, str]


@pytest.mark.slow
def test_peers_can_be_listed_while_others_connect():
    with Lab(Echo) as lab:
        lab.run()
        done, trouble = threading.Event(), []

        def look():
            while not done.is_set():
                try:
                    lab.peers  # noqa: B018 - it is what is tried
                except RuntimeError as error:
                    trouble.append(error)

        looker = threading.Thread(target=look)
        looker.start()
        for _ in range(300):
            lab.connect().close()
        done.set()
        looker.join()
        assert trouble == []


def test_a_handler_may_say_how_its_messages_are_framed():
    class Lines(Hoard):
        framing = "lines"

    with Lab(Lines) as lab:
        lab.connect("alice").send(b"one\ntwo")
        lab.step(2)
        (content,) = [m for m in LiveFigure(lab.tape).marks() if m.kind == "content" and m.text]
        assert content.text == r"one\n│two"
    with Lab(Hoard) as lab:
        assert "framing" not in lab.tape.about


@pytest.mark.parametrize("order, prefix", [("!I", r"\x00\x00\x00\n"), ("<I", r"\n\x00\x00\x00")])
def test_a_handler_of_rpc_says_it_for_its_order_of_bytes(order: str, prefix: str):
    class Serving(rpc.Handler):
        format = order

    with Lab(Serving) as lab:
        alice = lab.connect("alice")
        lab.step()
        request = struct.pack(order, 10) + b'{"in":"a"}'
        alice.send(request + request[:6])
        it = lab.step()
        for call, text in ((1, prefix + '{"in":"a"}│' + prefix + '{"'), (None, prefix + '{"')):
            marks = LiveFigure(lab.tape).marks(it.index, call)
            (read,) = [m for m in marks if (m.kind, m.state) == ("bytes", "read_buffer")]
            assert read.text.endswith(": " + text)
