"""What was tried to break a lab with: each leaves it as it was, or with a clear word on the tape."""

import contextlib
import enum
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import pytest

from labkit import Channel, Lab, kernel
from labkit.lab.scenarios import Echo
from tests.helpers import until

ROOT = Path(__file__).resolve().parents[2]
EPOLL = "epoll" if kernel.LINUX else "select"


def python(script, **options):
    """A script in a process of its own, and of a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, process_group=0, **options
    )


@contextlib.contextmanager
def no_fd_left(spare=0):
    """Every fd number that this process may have is taken but `spare`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(kernel.open_fds())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + spare, hard))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(highest))
        for _ in range(spare):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)


# ---- crowds ----------------------------------------------------------------------------------------------


def test_an_interrupt_of_this_process_is_not_for_its_crowd():
    done = python(
        "import os, signal, time\n"
        "from labkit import Lab\n"
        "from labkit.lab.scenarios import Echo\n"
        "with Lab(Echo) as lab:\n"
        "    crowd = lab.crowd(3)\n"
        "    try:\n"
        "        os.killpg(0, signal.SIGINT)\n"
        "        time.sleep(5)\n"
        "    except KeyboardInterrupt:\n"
        "        lab.run()\n"
        "        print(crowd.echo(3, seconds=0.1)['round_trips'] > 3)\n"
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.slow
def test_a_crowd_on_a_running_lab_is_accepted_when_it_is_handed_out():
    size = min(4000, kernel.fd_room())
    with Lab(Echo, selector=EPOLL) as lab:
        lab.run()
        lab.crowd(size)
        assert len(lab.channels) == size and lab.running


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("size", [0, -1, 10**7])
def test_a_crowd_that_cannot_be_leaves_the_lab_as_it_was(running, size):
    with Lab(Echo) as lab:
        if running:
            lab.run()
        with pytest.raises(ValueError, match="ulimit -n"):
            lab.crowd(size)
        assert lab.running is running


# ---- no fd is left ---------------------------------------------------------------------------------------


def test_a_listener_without_fds_rests_and_says_so_and_comes_back():
    with Lab(Echo, selector=EPOLL) as lab:
        alice = lab.connect("alice")
        with no_fd_left():
            turn = lab.step()
            assert "ulimit -n" in turn.errors[0][1]
            assert "not asked about until an fd is free" in turn.explain()
            listener = turn.errors[0][0]
            assert listener not in lab.step().interest
        assert listener in lab.step().interest
        assert list(lab.channels) == ["alice"]
        alice.send(b"x")
        assert [call.name for call in lab.step().calls] == ["recv", "send"]


def test_a_running_lab_without_fds_does_not_spin():
    with Lab(Echo, selector=EPOLL) as lab:
        lab.connect("alice")
        with no_fd_left(spare=2):  # for the socket pair that wakes it
            lab.run()
            until(lambda: any(turn.errors for turn in lab.tape))
            before = len(lab.tape)
            until(lambda: len(lab.tape) > before + 3)  # it looks again now and then
            assert len(lab.tape) - before < 100
        until(lambda: lab.channels)
        assert list(lab.channels) == ["alice"]


def test_the_spin_can_be_shown():
    with Lab(Echo, selector=EPOLL, pause_on_emfile=False) as lab:
        lab.connect("alice")
        with no_fd_left():
            for turn in (lab.step(), lab.step(), lab.step()):
                assert [call.errno for call in turn.calls] == [24]
                assert "not asked" not in turn.errors[0][1]


# ---- whose connection is whose ---------------------------------------------------------------------------


def test_a_port_that_is_used_again_brings_no_dead_peers_name_back():
    with Lab(Echo) as lab:
        for _ in range(20):  # somebody else may get the port first
            alice = lab.connect("alice")
            lab.step()
            alice.reset()
            lab.step(2)
            with socket.socket() as stranger:
                stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    stranger.bind(alice.address)
                except OSError:
                    continue
                stranger.connect(lab.address)
                turn = lab.step()
                assert turn.name(turn.calls[0].result) == "client 1"
                return
        pytest.skip("others on this machine were quicker 20 times")


def test_a_peer_that_is_gone_before_it_is_accepted_keeps_its_name():
    with Lab(Echo) as lab:
        lab.connect("alice").close()
        turn = lab.step()
        assert turn.name(turn.calls[0].result) == "alice"


def test_nothing_is_kept_of_peers_that_are_gone():
    with Lab(Echo) as lab:
        for _ in range(100):
            lab.connect().close()
            lab.step(2)
        assert len(lab._engine.connections) < 5 and len(lab._engine.peers) < 5


# ---- handlers that do what nobody expects ----------------------------------------------------------------


def test_an_interest_that_is_none_is_refused_and_the_next_steps_work():
    class Wild(Channel):
        def handle_read(self):
            self.recv(10)
            self.declare(99)

    with Lab(Wild) as lab:
        alice, bob = lab.connect("alice"), lab.connect("bob")
        lab.step(2)
        with pytest.raises(ValueError, match=r"declare\(99\)"):
            lab.channels["bob"].declare(99)
        alice.send(b"x")
        assert "declare(99)" in lab.step().errors[0][1]
        bob.send(b"x")
        assert [call.name for call in lab.step().calls] == ["recv", "close"]
        assert len(list(lab.tape)) == len(lab.tape)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_a_handler_raises_is_on_the_tape_whatever_it_is(error):
    class Exits(Channel):
        def handle_read(self):
            self.recv(10)
            raise error

    with Lab(Exits) as lab:
        alice = lab.connect("alice")
        lab.step()
        fd = lab.channels["alice"].socket.fileno()
        alice.send(b"x")
        with pytest.raises(type(error)):
            lab.step()
        assert [(on, text.partition(":")[0]) for on, text in lab.tape[-1].errors] == [
            (fd, type(error).__name__)
        ]
        assert "alice: its handler raised" in lab.tape[-1].explain()
        assert lab.step().ready == {} and lab.channels == {}


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_that_a_handler_forks_ends_when_it_exits():
    class Forks(Channel):
        def handle_read(self):
            self.recv(10)
            self.child = os.fork()
            if not self.child:
                sys.exit(7)

    with Lab(Forks) as lab:
        alice = lab.connect("alice")
        lab.step()
        forks = lab.channels["alice"]
        alice.send(b"x")
        lab.step()
        try:
            ended = until(lambda: os.waitpid(forks.child, os.WNOHANG)[0] and True)
        finally:
            with contextlib.suppress(OSError):
                os.kill(forks.child, signal.SIGKILL)
        assert ended
        assert lab.step().ready == {}


def test_a_child_that_a_handler_forks_exits_with_its_own_status():
    done = python(
        "import os, sys\n"
        "from labkit import Channel, Lab\n"
        "class Forks(Channel):\n"
        "    def handle_read(self):\n"
        "        self.recv(10)\n"
        "        child = os.fork()\n"
        "        if not child:\n"
        "            sys.exit(7)\n"
        "        self.loop.status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "with Lab(Forks) as lab:\n"
        "    lab.connect('alice').send(b'x')\n"
        "    lab.step(2)\n"
        "    print(lab.loop.status)\n"
    )
    assert done.stdout == "7\n", done.stderr


# ---- bytes that pass unseen, and ends that count as none -------------------------------------------------


@pytest.mark.skipif(not kernel.LINUX, reason="TCP_INFO tells")
def test_bytes_that_are_read_and_written_past_the_socket_are_counted_by_asking():
    class Hidden(Channel):
        def handle_read(self):
            data = os.read(self.socket.fileno(), 100)
            os.write(self.socket.fileno(), data)

    with Lab(Hidden) as lab:
        alice = lab.connect("alice")
        lab.step()
        fd = lab.channels["alice"].socket.fileno()
        alice.send(b"hello")
        turn = lab.step()
        assert turn.balance(fd) is True
        assert (turn.accounts[fd].received, turn.accounts[fd].sent) == (5, 5)


READ_BY = {
    "recv": lambda sock: sock.recv(9),
    "recv_into": lambda sock: bytes(sock.recv_into(bytearray(9))),
    "recvfrom": lambda sock: sock.recvfrom(9)[0],
    "recvmsg": lambda sock: sock.recvmsg(9)[0],
    "peek and recv": lambda sock: sock.recv(9, socket.MSG_PEEK) and sock.recv(9),
    "makefile": lambda sock: sock.makefile("rb", buffering=0).read(9),
}
WRITTEN_BY = {
    "send": lambda sock, data: sock.send(data),
    "the plain send": socket.socket.send,
    "sendall": lambda sock, data: sock.sendall(data),
    "sendmsg": lambda sock, data: sock.sendmsg([data]),
    "sendto": lambda sock, data: sock.sendto(data, sock.getpeername()),
    "dup": lambda sock, data: sock.dup().send(data),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the copy is closed by whoever collects it
@pytest.mark.parametrize(
    ("read", "written"), [*((each, "send") for each in READ_BY), *(("recv", each) for each in WRITTEN_BY)]
)
def test_no_byte_is_missing_however_a_handler_moves_it(read, written):
    class Otherwise(Channel):
        def handle_read(self):
            WRITTEN_BY[written](self.socket, READ_BY[read](self.socket))

    with Lab(Otherwise) as lab:
        alice = lab.connect("alice")
        lab.step()
        fd = lab.channels["alice"].socket.fileno()
        alice.send(b"hello")
        turn = lab.step()
        assert turn.balance(fd) is True and "missing" not in turn.explain()
        assert (turn.accounts[fd].received, turn.accounts[fd].sent, len(alice.recv(9))) == (5, 5, 5)


def test_the_servers_own_half_close_behind_unsent_bytes_is_no_byte():
    class Parting(Channel):
        def handle_read(self):
            self.recv(10)
            while True:
                try:
                    self.socket.send(b"x" * 1000)
                except BlockingIOError:
                    break
            self.socket.shutdown(socket.SHUT_WR)
            self.declare(0)

    with Lab(Parting, buffers=4096) as lab:
        alice = lab.connect("alice")
        lab.step()
        fd = lab.channels["alice"].socket.fileno()
        alice.send(b"x")
        turn = lab.step()
        assert turn.queues[fd].send_queue
        while turn.balance(fd) is True and alice.recv(700):
            turn = lab.step()
        assert turn.balance(fd) is True


class Size(enum.IntEnum):
    SMALL = 5


@pytest.mark.parametrize("size", [Size.SMALL, numpy.int64(5)], ids=["IntEnum", "numpy"])
def test_sizes_that_are_only_like_ints_are_sizes(size, tmp_path):
    class Likes(Channel):
        def handle_read(self):
            self.write(self.recv(size))

    with Lab(Likes, buffers=size * 1000, limit=size * 1000) as lab:
        alice = lab.connect("alice")
        for _ in range(size * 100):
            alice.send(b"x")
            assert lab.step(size).explain()
            alice.recv(size)
        lab.tape.save(tmp_path / "tape")


# ---- interrupts ------------------------------------------------------------------------------------------

# An interrupt at any moment, many times: whatever it hits, the lab answers the next order.
ANY_MOMENT = """
import os, random, signal, threading, time
from labkit import Lab, kernel
from labkit.lab.scenarios import Echo

main, chance = threading.main_thread().ident, random.Random(int({seed}))
fds, threads, hits, rounds = kernel.open_fds(), threading.active_count(), 0, 0
until = time.monotonic() + 3

def interrupt(after):
    time.sleep(after)
    signal.pthread_kill(main, signal.SIGINT)

while time.monotonic() < until:
    rounds += 1
    lab = None
    sender = threading.Thread(target=interrupt, args=(chance.choice((0, 1e-4, 1e-3)) * chance.random(),))
    try:
        sender.start()
        lab = Lab(Echo)
        lab.connect("alice").send(b"x")
        lab.step(3)
        lab.run(); lab.pause()
        lab.step(timeout=0.001)
        lab.close()
        time.sleep(1)
    except KeyboardInterrupt:
        hits += 1
    while sender.is_alive():
        try:
            sender.join()
        except KeyboardInterrupt:
            hits += 1
    if lab is not None and not lab.closed:
        lab.step()
        lab.close()
    lab = None
import gc; gc.collect()
end = time.monotonic() + 5
while time.monotonic() < end and (kernel.open_fds() != fds or threading.active_count() != threads):
    time.sleep(0.01); gc.collect()
print(hits == rounds > 20, kernel.open_fds() - fds, threading.active_count() - threads)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_an_interrupt_at_any_moment_leaves_nothing_and_a_lab_that_answers(seed):
    done = python(ANY_MOMENT.format(seed=seed))
    assert done.stdout == "True frozenset() 0\n", done.stdout + done.stderr


def test_after_an_interrupted_sleep_the_next_step_is_made_at_once():
    with Lab(Echo) as lab:
        timer = threading.Timer(
            0.2, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        )
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            lab.step(timeout=60)
        began = time.monotonic()
        lab.step()
        assert time.monotonic() - began < 9  # it used to give up after 10 s
        assert lab.step().ready == {}
