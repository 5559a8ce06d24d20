"""The words say what the record says, and nothing else."""

import dataclasses
import errno

import pytest

from labkit.tape import narrate
from labkit.tape.iteration import Iteration
from labkit.tape.turn import Account, Call, Capacity, Event, Moment, Poke, Queues

TURN = Iteration(
    index=7,
    at_ns=0,
    timeout=30.0,
    interest={5: Event.READ, 7: Event.READ | Event.WRITE},
    ready={7: Event.WRITE},
    asleep_ns=3_100_000,
    awake_ns=210_000,
    cpu_ns=20_000,
    thread=1,
    calls=(Call(7, "send", 65536, 4096, 0, 10), Call(7, "send", 61440, None, errno.EAGAIN, 20)),
    queues={7: Queues(0, 0, 61440, 4000)},
    accounts={},
    names={5: "listener", 7: "alice"},
    capacity={},
)


def turn(**changes):
    return dataclasses.replace(TURN, **changes)


def test_an_iteration_in_words():
    assert turn().explain().splitlines() == [
        "Iteration 7",
        "  The loop asked about listener (read) and alice (read and write), for at most 30 s.",
        "  It slept 3.1 ms. Ready: alice (write).",
        "  alice: send(65_536) → 4,096 bytes",
        "  alice: send(61_440) → EAGAIN",
        "  Then it was awake 210 µs (CPU 20 µs in all).",
        "  alice holds 61,440 B in the write buffer and 4,000 B in the kernel's send queue.",
    ]


def test_the_law_is_told_on_its_own_numbers():
    account = Account(10, 0, 10, 200_000, 134_560, 0, True, False)
    told = turn(accounts={7: account}, queues={7: Queues(0, 0, 0, 65_440)}).explain()
    assert (
        "alice: every byte is accounted for: in 10 = 10 + 0 + 0, out 200,000 = 0 + 134,560 + 65,440." in told
    )
    broken = turn(accounts={7: account}, queues={7: Queues(0, 0, 0, 1)}).explain()
    assert "BYTES ARE MISSING" in broken
    for change, why in (({"moving": True}, "at work meanwhile"), ({"open": False}, "its end is closed")):
        vague = turn(accounts={7: account._replace(**change)}).explain()
        assert why in vague and "accounted" not in vague


def test_a_thousand_fds_are_counted_not_listed():
    many = dict.fromkeys(range(1000), Event.READ)
    told = turn(interest=many, ready=many, calls=()).explain()
    assert "asked about 1,000 fds" in told and "1,000 fds were ready" in told
    assert len(told) < 400


@pytest.mark.parametrize(
    ("poke", "words"),
    [
        (Poke("bob", "connect", None, 0, 0), "bob connected"),
        (Poke("bob", "send", 5, 5, 0), "bob sent 5 bytes"),
        (Poke("bob", "send", 5000, 1, 0), "bob sent 1 byte of 5,000"),
        (Poke("bob", "send", 5, None, errno.EAGAIN), "bob tried to send 5 bytes: EAGAIN"),
        (Poke("bob", "recv", 5, 0, 0), "bob took 0 bytes: the end"),
        (Poke("bob", "shutdown", None, 0, 0), "bob said that it will send no more"),
        (Poke("bob", "reset", None, 0, 0), "bob reset the connection"),
    ],
)
def test_pokes(poke, words):
    assert narrate.poke(poke) == words


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1000, "1 µs"),
        (123_456, "123 µs"),
        (3_100_000, "3.1 ms"),
        (2 * 10**9, "2 s"),
    ],
)
def test_durations(ns, words):
    assert narrate.duration(ns) == words


def test_the_summary_is_one_line():
    assert "\n" not in narrate.summary(turn(errors=((7, "ValueError: no"),)))


READING = {5: Event.READ}
CAPACITY = {7: Capacity(8192, 16_384, None, None)}


def woke(queues):
    return (Moment(0, 5, queues, None),)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"interest": {}, "ready": {}}, "not asked about"),
        ({"queues": {5: Queues(0, 0, 0, 0)}}, "not readable: the receive queue is empty; {w}"),
        ({"queues": {}}, "not readable: nothing has come; {w}"),
        ({"queues": {5: Queues(3, 0, 0, 0)}}, "not readable: its 3 bytes came after the wait, or were "
         "reported before (edge-triggered); {w}"),
        ({"ready": READING, "moments": woke(Queues(1, 0, 0, 0))},
         "readable: 1 byte in the receive queue; {w}"),
        ({"ready": READING, "calls": (Call(5, "recv", 9, 0, 0, 1),)},
         "ready, though nothing came: the peer has closed; {w}"),
        ({"ready": READING, "calls": (Call(5, "recv", 9, 4, 0, 1),)},
         "readable: 4 bytes or more in the receive queue; {w}"),
        ({"ready": READING, "calls": (Call(5, "recv", 9, None, errno.EAGAIN, 1),)},
         "ready, though nothing came: recv gave EAGAIN; {w}"),
        ({"ready": READING, "calls": (Call(5, "recv", 9, None, errno.ECONNRESET, 1),)},
         "ready, though nothing came: the connection failed with ECONNRESET; {w}"),
        ({"ready": READING, "calls": (Call(5, "accept", None, 9, 0, 1),)},
         "readable: a connection waits to be accepted; {w}"),
        ({"ready": READING, "calls": (Call(5, "accept", None, None, errno.EAGAIN, 1),)},
         "ready, though nobody waits: accept gave EAGAIN; {w}"),
        ({"ready": {5: Event.READ | Event.EXCEPT}, "calls": ()},
         "readable: the kernel says so, and nobody has read; {w}; "
         "exceptional: urgent data, an error or a hang-up"),
    ],
)  # fmt: skip
def test_why_an_fd_is_readable_or_not(changes, words):
    it = turn(**{"interest": READING, "ready": {}, "calls": (), **changes})
    assert it.why(5) == words.format(w="not asked about writing")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ready": {}, "queues": {7: Queues(0, 0, 9, 16_384)}},
         "not writable: 16,384 of 16,384 in the send queue"),
        ({"ready": {}, "queues": {}}, "not writable: the kernel takes no more now"),
        ({"queues": {7: Queues(0, 0, 9, 100)}}, "writable: 100 of 16,384 in the send queue"),
        ({"calls": (Call(7, "send", 9, 9, 0, 1),)}, "writable: the send queue has room"),
        ({"calls": (Call(7, "send", 9, 9, 0, 1), Call(7, "send", 9, None, errno.EAGAIN, 1))},
         "writable: the send queue has room"),
        ({"calls": (Call(7, "send", 9, None, errno.EPIPE, 1),)},
         "ready, though nothing can be sent: send gave EPIPE"),
        ({"calls": (Call(7, "send", 9, None, errno.EAGAIN, 1),)},
         "said to be writable, though the kernel took nothing: send gave EAGAIN"),
    ],
)  # fmt: skip
def test_why_an_fd_is_writable_or_not(changes, words):
    asked = {"interest": {7: Event.WRITE}, "ready": {7: Event.WRITE}, "calls": (), "capacity": CAPACITY}
    assert turn(**{**asked, **changes}).why(7) == f"not asked about reading; {words}"
