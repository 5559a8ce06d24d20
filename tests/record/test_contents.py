"""What stands where, byte by byte, in a stepped lab; and what the kernel holds while it is stopped."""

import io
import socket

import pytest

from labkit import Channel, Contents, Event, Lab, Tape
from labkit.record.contents import KEPT, LOOKED_AT_MOST, Sent, first, received


class Echo(Channel):
    def handle_read(self):
        self.write(self.recv(4096))


class Stuck(Channel):
    """Echoes, and reads no more once the kernel does not take all of it."""

    def handle_read(self):
        self.write(self.recv(2048))
        if self.write_buffer:
            self.declare(Event.WRITE)


class Keeper(Channel):
    """Reads into its read buffer, and answers nothing."""

    def handle_read(self):
        self.read_buffer += self.recv(5)


@pytest.fixture
def keeper():
    with Lab(Keeper) as lab:
        alice = lab.connect("alice")
        fd = lab.step().calls[0].result
        yield lab, alice, fd


def test_a_step_says_that_it_was_one_and_a_run_that_it_was_not(keeper):
    lab, alice, fd = keeper
    alice.send(b"hello")
    assert lab.step().stepped
    lab.run(0.05)
    assert not lab.tape[-1].stepped and lab.tape[-1].contents == {}
    assert lab.step().stepped


def test_the_bytes_of_a_connection_at_each_of_their_places(keeper):
    lab, alice, fd = keeper
    alice.send(b"hello world")
    it = lab.step()
    assert it.contents[fd] == Contents(b" world", b"hello", b"", b"", b"", b"")
    assert lab.step().contents[fd] == Contents(b"d", b"hello worl", b"", b"", b"", b"")
    assert all(
        len(held) == size
        for held, size in zip(it.contents[fd], (*it.queues[fd], 0, 0), strict=True)
        if held is not None
    )


def test_between_two_calls_what_recv_returned_is_in_the_programs_hands():
    with Lab(Echo) as lab:
        alice = lab.connect("alice")
        lab.step()
        alice.send(b"hello")
        woke, received, sent = (moment.contents for moment in lab.step().moments)
        assert woke == Contents(b"hello", b"", b"", b"", b"", b"")
        assert received == Contents(b"", b"hello", b"", b"", b"", b"")
        assert sent == Contents(b"", b"", b"", b"", b"", b"hello")


def test_a_full_connection_shows_the_oldest_bytes_of_every_queue():
    with Lab(Stuck, buffers=4096) as lab:
        alice = lab.connect("alice")
        fd = lab.step().calls[0].result
        sent = b""
        while True:
            block = bytes((len(sent) // 7 + at) % 251 for at in range(1000))
            taken = alice.send(block)
            sent += block[:taken]
            it = lab.step()
            if not taken and not it.calls:
                break
        assert it.why(fd).endswith("in the send queue") and "not writable" in it.why(fd)
    queues, account, contents = it.queues[fd], it.accounts[fd], it.contents[fd]
    assert queues.write_buffer > 256 and account.peer_unread > 256 and account.peer_unsent > 256
    unread = sent  # the peer has read nothing: the echo is what was sent, from its start
    assert contents.unread == unread[:256]
    in_queue = account.peer_unread
    assert contents.send_queue == sent[in_queue : in_queue + min(256, queues.send_queue)]
    in_buffer = in_queue + queues.send_queue
    assert contents.write_buffer == sent[in_buffer : in_buffer + 256]
    in_recv = in_buffer + queues.write_buffer
    assert contents.recv_queue == sent[in_recv : in_recv + min(256, queues.recv_queue)]
    in_peer = in_recv + queues.recv_queue
    assert contents.unsent == sent[in_peer : in_peer + 256]


def test_a_place_shows_256_bytes_at_most(keeper):
    lab, alice, fd = keeper
    alice.send(bytes(1000))
    assert len(lab.step().contents[fd].recv_queue) == 256


def test_a_step_after_a_run_looks_at_every_connection_again(keeper):
    lab, alice, fd = keeper
    lab.step()
    lab.run(0.02)
    alice.send(b"hello")
    lab.run(0.05)
    assert lab.step().contents[fd].read_buffer == b"hello"


def test_contents_survive_a_file(keeper, tmp_path):
    lab, alice, fd = keeper
    for data in (b"\x00\xff", b"abc"):
        alice.send(data)
        lab.step()
    loaded = Tape.load(lab.tape.save(tmp_path / "tape.jsonl"))
    assert list(loaded) == list(lab.tape)
    assert loaded[-1].contents[fd].read_buffer == b"\x00\xffabc"
    assert loaded[-1].moments[-1].contents is not None and loaded[-1].stepped


def test_what_the_kernel_holds_now_is_on_the_tape_only_while_the_lab_is_stopped(keeper, tmp_path):
    lab, alice, fd = keeper
    lab.step()
    assert lab.tape.now.ready == {} and lab.tape.now.interest[fd] == Event.READ
    alice.send(b"hello")
    now = lab.tape.now
    assert now.ready == {fd: Event.READ}
    assert now.queues[fd].recv_queue == 5 and now.contents[fd].recv_queue == b"hello"
    length = len(lab.tape)
    lab.run()
    assert lab.tape.now is None
    lab.pause()
    assert lab.tape.now is not None and length <= len(lab.tape)
    assert Tape.load(lab.tape.save(tmp_path / "tape.jsonl")).now is None
    lab.close()
    assert lab.tape.now is None


def test_what_was_sent_unseen_is_not_made_up():
    sent = Sent()
    sent.add(b"abcdef", 4, 4)
    assert sent.last(2, 4) == b"cd" and sent.last(0, 9) == b""
    assert sent.last(2, 5) is None and sent.last(5, 4) is None and sent.last(None, 4) is None
    sent.add(b"xyz", 3, 10)  # three bytes passed unseen
    assert sent.last(3, 10) == b"xyz" and sent.last(4, 10) is None
    sent.add(bytes(KEPT + 10), KEPT + 10, KEPT + 20)
    assert sent.last(KEPT + 1, KEPT + 20) is None and len(sent.last(KEPT, KEPT + 20)) == 256


@pytest.mark.parametrize("buffer", [b"abc", bytearray(b"abc"), memoryview(b"abc"), "abc", io.BytesIO(b"abc")])
def test_the_first_bytes_of_any_buffer(buffer):
    assert first(buffer) == b"abc" and first(buffer, 1) == b"bc"
    assert first(None) is None and first(7) is None


@pytest.mark.parametrize(
    ("buffer", "skipped", "shown"),
    [
        ("a\ud800b", 0, b"a?b"),  # no bytes of any text: half a surrogate pair
        ("ä" * 300, 0, ("ä" * 300).encode()[:256]),
        ("a" * 300 + "b" * 300, 299, b"a" + b"b" * 255),
        (b"a" * 300 + b"b" * 300, 299, b"a" + b"b" * 255),
        (io.StringIO("text"), 2, b"xt"),
        (type("Odd", (), {"getvalue": 7})(), 0, None),
        ([b"a", b"b"], 0, None),
    ],
)
def test_a_buffer_shows_256_bytes_after_those_that_are_gone(buffer, skipped, shown):
    assert first(buffer, skipped) == shown


def test_a_look_at_a_receive_queue_takes_nothing_and_is_not_taken_at_a_long_one():
    here, there = socket.socketpair()
    with here, there:
        there.send(bytes(range(200)) * 6)
        fd = here.fileno()
        assert received(fd, 0) == b"" and received(fd, None) is None
        assert received(fd, 3) == b"\0\1\2" and received(fd, LOOKED_AT_MOST) == (bytes(range(200)) * 2)[:256]
        assert received(fd, LOOKED_AT_MOST + 1) is None
        assert len(here.recv(5000)) == 1200


def test_what_was_sent_last_is_kept_up_to_a_limit():
    sent, total = Sent(), 0
    for piece in (b"a" * 40_000, b"b" * 40_000, b"", bytearray(b"c") * 10):
        total += len(piece)
        sent.add(piece, len(piece), total)
    assert sent.last(11, total) == b"b" + b"c" * 10
    assert sent.last(40_011, total) == b"a" + b"b" * 255
    assert sent.last(KEPT, total) == b"a" * 256 and sent.last(KEPT + 1, total) is None
    sent.add(memoryview(b"dropped kept")[8:], 3, total + 3)
    assert sent.last(3, total + 3) == b"kep"
