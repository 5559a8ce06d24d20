"""What was tried to break an RPC server with: it answers everybody else, and the next call too."""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labkit import Lab, kernel
from labkit.rpc.framing import encode
from labkit.rpc.rpc import Client, Handler, RPCError, Server

ROOT = Path(__file__).resolve().parents[2]


class Unsayable(Exception):
    def __str__(self):
        raise RuntimeError


def raises(error):
    def method(_):
        raise error

    return method


def echo(params):
    return "pong", params


@pytest.mark.parametrize(
    "error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), StopIteration(), Unsayable()], ids=repr
)
def test_a_method_that_would_end_its_process_ends_nothing(error, caplog):
    with Server({"exit": raises(error), "ping": echo}) as server, Client(server.address) as client:
        for _ in range(2):
            with pytest.raises(RPCError, match=f"exit: {type(error).__name__}"):
                client.call("exit")
            assert client.call("ping", 1) == 1
        assert "a method of the RPC server raised" in caplog.text
        assert server.thread.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["os.close(2)", "sys.stderr.close()", "sys.stderr = None"])
def test_a_server_that_cannot_tell_its_trouble_goes_on(broken):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys\n"
            "from labkit.rpc.rpc import Client, RPCError, Server\n"
            f"{broken}\n"
            "methods = {'fail': lambda _: {}['x'], 'ping': lambda it: ('pong', it)}\n"
            "with Server(methods) as server, Client(server.address) as client:\n"
            "    try:\n"
            "        client.call('fail')\n"
            "    except RPCError as error:\n"
            "        print(error, client.call('ping', 2))\n",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "fail: KeyError: 'x' 2\n", done.stderr


@pytest.mark.unhurried
def test_a_server_without_fds_says_so_once_and_comes_back(caplog):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Server({"ping": echo}) as server, Client(server.address) as client, socket.socket() as late:
        late.settimeout(20)
        client.call("ping")  # it is accepted
        highest, taken = max(kernel.open_fds()), []
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        try:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(os.dup(highest))
            late.connect(server.address)
            until = time.monotonic() + 20
            while server.loop.resting is None:
                assert time.monotonic() < until, "it never ran out of fds"
                assert client.call("ping", 1) == 1
            for _ in range(3):
                time.sleep(0.11)  # it looks again
                assert client.call("ping", 1) == 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for fd in taken:
                os.close(fd)
        with Client(server.address, timeout=20) as another:
            assert another.call("ping", 2) == 2
        said = [each for each in caplog.records if "accepts nobody" in each.message]
        assert len(said) == 1 and len(caplog.records) == 1


def test_the_end_of_a_handlers_replies_is_no_byte():
    """It sends no more behind replies that are not sent yet: in the send queue the FIN is counted as one."""

    class Long(Handler):
        methods = {"long": lambda params: ("long", "x" * 3000)}

    with Lab(Long, buffers=4096) as lab:
        alice = lab.connect("alice")
        lab.step()
        fd = lab.channels["alice"].socket.fileno()
        alice.send(encode({"in": "long"}) * 3 + b"\xff\xff\xff\xff")  # no frame is so long: that ends it
        turns = [lab.step()]
        while turns[-1].queues[fd].send_queue or turns[-1].queues[fd].write_buffer:
            alice.recv(300)
            turns.append(lab.step())
        (parting,) = [turn for turn in turns if any(call.name == "shutdown" for call in turn.calls)]
        assert parting.queues[fd].send_queue  # the FIN stands behind that
        assert [turn.balance(fd) for turn in turns] == [True] * len(turns)
