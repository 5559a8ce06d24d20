"""Short scripts on real sockets that show a loop at work: what `labkit demo` runs.

Each takes a second or so, leaves nothing behind, and returns the tape.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import repeat

from labkit.lab.lab import Lab
from labkit.lab.peer import Peer
from labkit.loop import Channel
from labkit.tape.tape import Tape


class Echo(Channel):
    """Sends back what arrives, at most 4096 bytes a turn."""

    def handle_read(self) -> None:
        self.write(self.recv(4096))


class Lines(Channel):
    """Answers whole lines, in capitals; the beginning of a line waits in the read buffer."""

    def handle_read(self) -> None:
        self.read_buffer += self.recv(1024)
        whole, newline, rest = self.read_buffer.rpartition(b"\n")
        self.write(whole.upper() + newline)
        self.read_buffer = rest


class Faulty(Channel):
    """An echo that cannot bear a question mark."""

    def handle_read(self) -> None:
        data = self.recv(1024)
        if b"?" in data:
            raise ValueError("a question")
        self.write(data)


def echo(selector: str = "select") -> Tape:
    """Two peers; one does not read for a while, so that a write stays partial; both go."""
    with Lab(Echo, selector=selector, buffers=4096) as lab:
        alice, bob = lab.connect("alice"), lab.connect("bob")
        lab.step(2)
        alice.send(b"hello")
        lab.step(2)
        alice.recv()
        _fill(lab, bob, at_most=40)
        while bob.recv() or lab.step().calls:
            pass
        alice.close()
        lab.step()
        bob.shutdown()
        lab.step(2)
        return lab.tape


def lines(selector: str = "select") -> Tape:
    """Half a line, the other half, and two lines at once: a stream has no messages."""
    with Lab(Lines, selector=selector) as lab:
        alice = lab.connect("alice")
        for part in (b"hel", b"lo\nwor", b"ld\nand ", b"more\n"):
            alice.send(part)
            lab.step(2)
            alice.recv()
        return lab.tape


def error(selector: str = "select") -> Tape:
    """A handler that raises: its channel is closed, the loop goes on."""
    with Lab(Faulty, selector=selector) as lab:
        alice, bob = lab.connect("alice"), lab.connect("bob")
        lab.step(2)
        alice.send(b"why?")
        bob.send(b"hello")
        lab.step(2)
        bob.recv()
        return lab.tape


def traffic(selector: str = "select", seconds: float = 1.0, seed: int = 4) -> Tape:
    """A loop that really runs: four peers send at their own pace, and dave reads too little."""
    pace = random.Random(seed)
    with Lab(Echo, selector=selector, buffers=8192) as lab:
        peers = [lab.connect(name) for name in ("alice", "bob", "carol", "dave")]
        lab.run()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(pace.expovariate(120))
            peer = pace.choice(peers)
            peer.send(b"x" * pace.choice([100, 500, 2000, 6000]))
            for reader in peers:
                reader.recv(300 if reader.name == "dave" else 65536)
        lab.pause()
        for _ in range(3):
            peers[3].send(b"x" * 3000)
            lab.step()
        return lab.tape


def _fill(lab: Lab, peer: Peer, at_most: int) -> None:
    """Let `peer` send without reading until the loop holds bytes that the kernel does not take."""
    for _ in repeat(None, at_most):
        peer.send(b"x" * 4096)
        turn = lab.step()
        if any(held.write_buffer for held in turn.queues.values()):
            return


SCENARIOS: dict[str, Callable[[str], Tape]] = {each.__name__: each for each in (echo, lines, error, traffic)}
