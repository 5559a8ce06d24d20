"""A lab that starts again: the same handler, buffers and peers, on a new tape; nothing of before is left."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest

from labkit import Channel, Lab, LiveFigure, kernel
from labkit.lab.asyncore_host import hosted
from labkit.loop import Listener
from labkit.record.edge import EdgeSelector


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(1024))


def told(lab: Lab) -> list[str]:
    """What happened, but for how long it took and for the numbers of fds."""
    return [re.sub(r"fd \d+|[\d.,]+ [nµm]?s\b", "", it.explain()) for it in lab.tape]


def test_the_same_steps_have_the_same_iterations():
    with Lab(Echo, selector="epoll", buffers=4096) as lab:
        alice = lab.connect("alice")
        alice.send("hello ")
        alice.send(b"world")
        lab.connect("bob").shutdown()
        lab.connect("carol").close()
        lab.step(6)
        lab.connect("dave").send(b"later")
        lab.step(2)
        assert alice.recv() == b"hello world"
        before, tape, port = told(lab)[:6], lab.tape, lab.address[1]
        assert lab.reset() is lab
        assert len(lab.tape) == 0 and len(tape) == 8, "a new tape, and the old one can be read"
        assert lab.peers["alice"] is alice and set(lab.peers) == {"alice", "bob"}
        assert (alice.sent, alice.received, alice.eof) == (11, 0, False)
        lab.step(6)
        assert told(lab) == before
        assert alice.recv() == b"hello world"
        assert lab.address[1] != port and lab.tape.about == tape.about
        lab.reset().step(6)
        assert told(lab) == before, "and once more"


def test_nothing_of_before_is_left_open():
    with Lab(Echo) as lab:
        lab.connect("alice").send(b"x")
        lab.step(2)
        fds, thread = kernel.open_fds(), lab.thread
        for _ in range(3):
            lab.reset().step(2)
        assert len(kernel.open_fds()) == len(fds) and not thread.is_alive()
    with pytest.raises(RuntimeError, match="closed"):
        lab.reset()


def test_a_running_lab_is_stopped_at_its_beginning():
    with Lab(Echo) as lab:
        lab.run()
        lab.connect("alice")  # after the run began: not part of the beginning
        lab.reset()
        assert not lab.running and not lab.peers and not len(lab.tape)
        lab.run(0.05)


def test_what_cannot_begin_again_says_why():
    with Lab(Echo, selector=EdgeSelector()) as lab, pytest.raises(RuntimeError, match="selector of its own"):
        lab.reset()

    class Door(Listener):
        pass

    with Lab(Echo) as lab:
        sock = socket.create_server(("127.0.0.1", 0))
        door = lab.in_loop(lambda loop: Door(loop, sock, Echo))
        with pytest.raises(RuntimeError, match="listener was added"):
            lab.reset()
        assert lab.step() and door.socket is sock, "nothing was touched"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_asyncore_lab_makes_its_server_anew():
    asyncore: Any = pytest.importorskip("asyncore")

    with hosted(asyncore.dispatcher_with_send) as lab:
        lab.connect("alice")
        lab.step(2)
        server, before = lab.server, told(lab)
        lab.reset().step(2)
        assert lab.server is not server and told(lab) == before and "alice" in lab.peers


def test_every_figure_of_it_begins_again():
    with Lab(Echo, buffers=4096) as lab:
        alice = lab.connect("alice")
        alice.send(b"hello")
        lab.step(3)
        figure, found = lab.live(), [("stall", None, 1, 1, "it stalls")]
        fixed = LiveFigure(lab, findings=found).show(1)
        first = [mark.value for mark in figure.marks(1) if mark.kind == "bytes"]
        lab.reset()
        assert figure.marks() and figure.index == fixed.index == -1
        lab.step(2)
        assert (figure.index, fixed.index) == (1, 1)
        assert [mark.value for mark in figure.marks(1) if mark.kind == "bytes"] == first
        assert fixed.sheet.findings, "what the reader flagged stays flagged"
        figure.reset()
        assert not len(lab.tape) and figure.alt() == "No iteration is recorded yet."
