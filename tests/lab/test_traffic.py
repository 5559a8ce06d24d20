"""What peers do in scripts ends by itself, and says what it did."""

from __future__ import annotations

import pytest

from labkit import Channel, Lab
from labkit.lab.traffic import flood, read_on, standing, waits


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(1024))


class Silent(Channel):
    def handle_read(self) -> None:
        self.recv(1024)


class Deaf(Channel):
    def handle_read(self) -> None:
        self.declare(0)


def test_everybody_waits_for_an_answer_of_their_own():
    with Lab(Echo) as lab:
        peers = [lab.connect(name) for name in ("alice", "bob")]
        lab.run()
        waited = waits(b"hello", *peers)
        assert len(waited) == 2 and all(0 < each < 2000 for each in waited)
        assert [peer.received for peer in peers] == [5, 5]


def test_who_is_not_answered_says_so(monkeypatch):
    monkeypatch.setattr("labkit.lab.traffic.ANSWERED_WITHIN", 0.05)
    with Lab(Silent) as lab:
        alice = lab.connect("alice")
        with pytest.raises(TimeoutError, match="alice had no answer within"):
            waits(b"hello", alice)


def test_a_flood_ends_where_the_kernel_takes_no_more_and_everything_arrives():
    with Lab(Echo, buffers=4096) as lab:
        alice = lab.connect("alice")
        lab.step()
        fd = lab.channels["alice"].socket.fileno()
        assert flood(lab, alice, times=12) == 12
        assert sum(lane[-1] for lane in standing(lab.tape, fd).values()) == 12 * 1024
        read_on(lab, alice)
        assert alice.received == alice.sent == 12 * 1024
        assert [lane[-1] for lane in standing(lab.tape, fd).values()] == [0] * 5
    with Lab(Deaf, buffers=4096) as lab:
        bob = lab.connect("bob")
        lab.step()
        assert 0 < flood(lab, bob) < 200
