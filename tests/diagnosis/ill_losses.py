"""Servers that lose bytes or connections, and their healthy twins."""

from __future__ import annotations

import socket
import time

from labkit import Channel, Lab, Tape, watch
from labkit.lab.asyncore_host import hosted
from labkit.record.edge import EdgeSelector
from tests.diagnosis.patients import Quiet, asyncore, patient
from tests.helpers import until


@patient("partial-write")
def sends_once_in_a_lab(healthy: bool) -> Tape:
    class Once(Channel):
        def handle_read(self) -> None:
            if self.recv(1024):
                self.write(b"x" * 100_000) if healthy else self.socket.send(b"x" * 100_000)

    return _asked_once(Lab(Once, buffers=4096))


@patient("partial-write")
def sends_once_in_asyncore(healthy: bool) -> Tape:
    class Once(Quiet):
        def handle_read(self) -> None:
            if self.recv(1024):
                self.send(b"x" * 100_000) if healthy else asyncore.dispatcher.send(self, b"x" * 100_000)

    return _asked_once(hosted(Once, buffers=4096))


def _asked_once(lab: Lab) -> Tape:
    with lab:
        alice = lab.connect("alice")
        alice.send(b"?")
        for _ in range(60):
            lab.step(2)
            while alice.recv():
                pass
        return lab.tape


@patient("sent-after-close")
def replies_to_nobody_in_a_lab(healthy: bool) -> Tape:
    class Blind(Channel):
        def handle_read(self) -> None:
            data = self.recv(1024)
            self.write(b"pong") if healthy else self.socket.send(b"pong")
            del data

    with Lab(Blind) as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.close()
        lab.step(3)
        return lab.tape


@patient("sent-after-close")
def replies_to_nobody_in_asyncore(healthy: bool) -> Tape:
    class Blind(Quiet):
        def handle_read(self) -> None:
            data = self.recv(1024)
            if data or not healthy:
                self.send(b"pong")

    with hosted(Blind) as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.shutdown()
        lab.step(3)
        return lab.tape


def _edge_reader(healthy: bool) -> type[Channel]:
    class Reader(Channel):
        def handle_read(self) -> None:
            data = self.recv(1024)
            while healthy and data:
                data = self.recv(1024)

    return Reader


@patient("stranded-data")
def reads_once_an_edge(healthy: bool) -> Tape:
    with Lab(_edge_reader(healthy), selector=EdgeSelector()) as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.send(b"x" * 3000)
        lab.step(4)
        return lab.tape


@patient("stranded-backlog")
def accepts_once_an_edge(healthy: bool) -> Tape:
    class Reader(Channel):
        def handle_read(self) -> None:
            while self.recv(1024):
                pass

    with Lab(Reader, selector="epoll" if healthy else EdgeSelector()) as lab:
        for name in ("alice", "bob", "carol"):
            lab.connect(name)
        lab.step(6)
        return lab.tape


@patient("stranded-data")
def reads_once_an_edge_while_it_runs(healthy: bool) -> Tape:
    with Lab(_edge_reader(healthy), selector=EdgeSelector()) as lab:
        alice, bob = lab.connect("alice"), None
        lab.step()
        bob = lab.connect("bob")
        lab.step()
        lab.run()
        alice.send(b"x" * 3000)
        for _ in range(5):
            time.sleep(0.03)
            bob.send(b"hello")
        lab.pause()
        return lab.tape


@patient("exact-multiple")
def reads_until_short_in_a_lab(healthy: bool) -> Tape:
    class Short(Channel):
        def handle_read(self) -> None:
            while data := self.socket.recv(1024):
                self.write(data)
                if healthy or len(data) < 1024:
                    return
            self.abort()

    return _of_1024(Lab(Short))


@patient("exact-multiple")
def reads_until_short_in_asyncore(healthy: bool) -> Tape:
    class Short(Quiet):
        def handle_read(self) -> None:
            while data := self.recv(1024):
                self.send(data)
                if healthy or len(data) < 1024:
                    return

    return _of_1024(hosted(Short))


def _of_1024(lab: Lab) -> Tape:
    with lab:
        alice = lab.connect("alice")
        lab.step()
        for size in (100, 1025, 2048):
            alice.send(b"x" * size)
            lab.step(3)
            alice.recv()
        return lab.tape


@patient("half-close")
def drops_the_reply_in_a_lab(healthy: bool) -> Tape:
    return _half_closed(Lab(_hasty(healthy), buffers=4096))


def _hasty(healthy: bool) -> type[Channel]:
    class Hasty(Channel):
        def handle_close(self) -> None:
            super().handle_close() if healthy else self.abort()

        def handle_read(self) -> None:
            if self.recv(4096):
                self.write(b"x" * 50_000)

    return Hasty


@patient("half-close")
def drops_the_reply_in_asyncore(healthy: bool) -> Tape:
    class Hasty(Quiet):
        ended = False

        def handle_read(self) -> None:
            if self.recv(4096):
                self.send(b"x" * 50_000)

        def handle_close(self) -> None:
            self.ended = True
            if not healthy or not self.out_buffer:
                self.close()

        def readable(self) -> bool:
            return not self.ended

        def handle_write(self) -> None:
            super().handle_write()
            if self.ended and not self.out_buffer:
                self.close()

    return _half_closed(hosted(Hasty, buffers=4096))


def _half_closed(lab: Lab) -> Tape:
    with lab:
        alice = lab.connect("alice")
        alice.send(b"?")
        lab.step(2)
        alice.shutdown()
        for _ in range(30):
            lab.step()
            while alice.recv():
                pass
        return lab.tape


@patient("half-close")
def drops_the_reply_while_it_runs(healthy: bool) -> Tape:
    with Lab(_hasty(healthy), buffers=4096) as lab:
        alice = lab.connect("alice")
        lab.run()
        alice.send(b"?")
        until(lambda: any(row.calls and row.calls[-1].name == "send" for row in lab.tape))
        alice.shutdown()

        def ended() -> bool:
            alice.recv()
            return alice.eof

        until(ended)
        lab.pause()
        return lab.tape


@patient("lost-tail")
def loses_the_tail(healthy: bool) -> Tape:
    class Reader(Quiet):
        def handle_read(self) -> None:
            self.recv(1024)

    with hosted(Reader, selector="select" if healthy else "poll") as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.send(b"x" * 5000)
        alice.reset()
        lab.step(8)
        return lab.tape


@patient("wrong-handler")
def calls_the_wrong_one(healthy: bool) -> Tape:
    pairs = [socket.socketpair() for _ in range(2)]

    class Closer(Quiet):
        def handle_read(self) -> None:
            self.recv(100)
            if not healthy:
                victim.close()
                made.extend(socket.socketpair())
                made.append(Quiet(made[0]))

    made: list[object] = []
    closer, victim = Closer(pairs[0][0]), Quiet(pairs[1][0])
    pairs[0][1].send(b"now")
    pairs[1][1].send(b"too")
    with watch(asyncore) as tape:
        asyncore.loop(timeout=0.01, count=2)
    for each in (closer, victim, *made, pairs[0][1], pairs[1][1]):
        each.close()  # type: ignore[attr-defined]
    return tape
