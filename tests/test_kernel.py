"""What labkit.kernel says agrees with what was done to real fds."""

import os
import select
import socket
import sys
import threading
import time

import pytest

from labkit import kernel

linux = pytest.mark.skipif(not kernel.LINUX, reason="reads /proc")


@pytest.fixture
def pair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with near, far:
        yield near, far


def test_kernel_in_counts_what_was_not_received_yet(pair):
    near, far = pair
    near.send(b"x" * 3000)
    assert kernel.recv_queue(far.fileno()) == 3000
    far.recv(1024)
    assert kernel.recv_queue(far.fileno()) == 1976


def test_kernel_out_counts_only_what_was_not_sent_yet(pair):
    near, far = pair
    near.setblocking(False)
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += near.send(b"x" * 65536)
    unsent = kernel.send_queue(near.fileno())
    assert unsent > 0
    assert sent == kernel.recv_queue(far.fileno()) + unsent


def test_a_listener_and_a_closed_fd_have_no_queues():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        assert kernel.recv_queue(fd) is None
        assert kernel.send_queue(fd) is None
    assert kernel.recv_queue(fd) is None
    assert kernel.recv_queue(-1) is None


def test_the_kernel_doubles_what_a_buffer_was_set_to(pair):
    near, _ = pair
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    assert kernel.capacity(near)[1] == (16384 if kernel.LINUX else 8192)


@linux
def test_backlog_counts_connections_that_wait():
    with socket.create_server(("127.0.0.1", 0), backlog=7) as listener:
        assert kernel.backlog(listener) == (0, 7)
        with socket.create_connection(listener.getsockname()):
            assert kernel.backlog(listener) == (1, 7)


def test_flags_belong_to_the_open_file_description(pair):
    near, _ = pair
    copy = os.dup(near.fileno())
    try:
        assert "O_NONBLOCK" not in kernel.flags(copy)
        near.setblocking(False)
        assert "O_NONBLOCK" in kernel.flags(copy)
    finally:
        os.close(copy)


@linux
def test_interest_reads_an_epoll_set_back(pair):
    near, far = pair
    with select.epoll() as poller:
        poller.register(near, select.EPOLLIN)
        poller.register(far, select.EPOLLIN | select.EPOLLOUT)
        held = kernel.interest(poller.fileno())
        assert set(held) == {near.fileno(), far.fileno()}
        assert held[far.fileno()] & select.EPOLLOUT and not held[near.fileno()] & select.EPOLLOUT
    assert kernel.interest(10**6) is None


def test_open_fds_finds_a_new_one():
    before = kernel.open_fds()
    with socket.socket() as one:
        assert kernel.open_fds() - before == {one.fileno()}
    assert kernel.open_fds() == before


def test_without_proc_the_fds_are_found_by_trying(monkeypatch):
    with socket.socket() as one:
        seen = kernel.open_fds()

        def missing(path):
            raise FileNotFoundError(path)

        monkeypatch.setattr(os, "listdir", missing)
        assert one.fileno() in seen and kernel.open_fds() >= {fd for fd in seen if kernel.is_open(fd)}
        assert 0 <= kernel.fd_room() < kernel.fd_limit()[0]


# From 3.15 on select.poll() sleeps in the call that counts nanoseconds.
POLL = "ppoll" if sys.version_info >= (3, 15) else "poll"


@linux
@pytest.mark.parametrize(
    ("call", "sleep"),
    [
        ("recvfrom", lambda sock: sock.recv(10)),
        ("pselect6", lambda sock: select.select([sock], [], [])),
        (POLL, lambda sock: _polled(sock).poll()),
    ],
)
def test_blocked_in_names_the_call_a_thread_sleeps_in(pair, call, sleep):
    near, far = pair
    thread = threading.Thread(target=sleep, args=(near,))
    thread.start()
    try:
        found = _until(lambda: (b := kernel.blocked_in(thread)) and b.call == call and b)
    finally:
        far.send(b"x")
        thread.join(10)
    assert found.call == call
    assert found.fd == (near.fileno() if call == "recvfrom" else None)
    assert call in str(found)


def test_blocked_in_says_none_of_a_running_or_ended_thread():
    assert kernel.blocked_in(threading.current_thread()) is None
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert kernel.blocked_in(thread) is None


def _polled(sock):
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return poller


def _until(condition, within=10.0):
    end = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)
    return value
