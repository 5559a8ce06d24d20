"""No byte is unaccounted for, lost or duplicated, whatever the peers do (facts S60)."""

import random

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from labkit import Channel, Lab
from labkit.record.selectors import available

SIZES = st.sampled_from([1, 2, 100, 1000, 1024, 4096, 10_000, 65_536]) | st.integers(1, 65_536)
ACTIONS = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 2), SIZES),
    st.tuples(st.just("recv"), st.integers(0, 2), SIZES),
    st.tuples(st.just("shutdown"), st.integers(0, 2), st.just(0)),
    st.tuples(st.sampled_from(["close", "reset"]), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("step"), st.integers(1, 4), st.just(0)),
)


class Echo(Channel):
    def handle_read(self):
        self.write(self.recv(3000))


def pattern(name, start, size):
    """Bytes that say where they belong, so that a lost, doubled or swapped one is seen."""
    seed = ord(name[0])
    return bytes((seed + n * n // 7) % 251 for n in range(start, start + size))


def assert_accounted(turn):
    for fd in turn.accounts:
        assert turn.balance(fd) is not False, turn.explain()


@pytest.mark.slow
@pytest.mark.parametrize("selector", [name for name in available() if name != "busy"])
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ACTIONS, min_size=15, max_size=60), st.sampled_from([1024, 4096, 16_384, None]))
def test_random_peers(selector, actions, buffers):
    with Lab(Echo, selector=selector, buffers=buffers) as lab:
        peers = [lab.connect(name) for name in ("alice", "bob", "carol")]
        lab.step(3)
        echoed = {peer.name: bytearray() for peer in peers}
        for action, number, size in actions:
            if action == "step":
                for _ in range(number):
                    assert_accounted(lab.step())
                continue
            peer = peers[number]
            if not peer.open or (action == "send" and peer.half_closed):
                continue
            note(f"{action} {peer.name} {size}")
            if action == "send":
                peer.send(pattern(peer.name, peer.sent, size))
            elif action == "recv":
                echoed[peer.name] += peer.recv(size)
            elif action == "shutdown":
                if not peer.half_closed:
                    peer.shutdown()
            else:
                getattr(peer, action)()
            assert_accounted(lab.step())
        drain(lab, peers, echoed)
        for peer in peers:
            if peer.open:
                assert echoed[peer.name] == pattern(peer.name, 0, peer.sent)
        for turn in lab.tape:
            assert_accounted(turn)


def drain(lab, peers, echoed):
    """Read and step until every open peer has got back all that it sent."""
    for _ in range(10_000):
        for peer in peers:
            if peer.open:
                while data := peer.recv():
                    echoed[peer.name] += data
        turn = lab.step(timeout=0.3 if any(p.open and p.received < p.sent for p in peers) else 0)
        assert_accounted(turn)
        if all(not peer.open or peer.received == peer.sent for peer in peers):
            return
    raise AssertionError("the echo did not come back: " + lab.tape[-1].explain())


@pytest.mark.unhurried
def test_peers_that_move_while_the_loop_runs():
    """A frame in which a peer moved says so; every frame that claims exactness is exact."""
    rng = random.Random(1)
    with Lab(Echo, selector="select", buffers=8192) as lab:
        peers = [lab.connect(name) for name in ("alice", "bob")]
        echoed = {peer.name: bytearray() for peer in peers}
        lab.run()
        for _ in range(400):
            peer = rng.choice(peers)
            if rng.random() < 0.5:
                peer.send(pattern(peer.name, peer.sent, rng.randint(1, 5000)))
            else:
                echoed[peer.name] += peer.recv(rng.randint(1, 20_000))
        lab.pause()
        drain(lab, peers, echoed)
        for peer in peers:
            assert echoed[peer.name] == pattern(peer.name, 0, peer.sent)
        for turn in lab.tape:
            assert_accounted(turn)
