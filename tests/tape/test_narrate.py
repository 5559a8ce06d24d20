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
        ({"ready": READING, "queues": {5: Queues(0, 0, 0, 0)},
          "accounts": {5: Account(*(0,) * 6, False, False)}},
         "ready, though nothing came: the peer has closed; {w}"),
        ({"ready": READING, "queues": {5: Queues(0, 0, 0, 0)},
          "accounts": {5: Account(*(0,) * 6, True, False)}},
         "readable: the kernel says so, and nobody has read; {w}"),
        ({"ready": READING, "calls": (Call(7, "recv", 9, 0, 0, 1),)},
         "readable: the kernel says so, and nobody has read; {w}"),
        ({"ready": READING, "calls": (Call(5, "recv", 9, None, errno.EWOULDBLOCK, 1),)},
         "ready, though nothing came: recv gave EAGAIN; {w}"),
        ({"queues": {5: Queues(None, 0, 0, 0)}}, "not readable: nothing has come; {w}"),
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


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (lambda: narrate.listing("abc"), "a, b and c"),
        (lambda: narrate.event(0), "nothing"),
        (lambda: narrate.event(7), "read and write and exceptional"),
        (lambda: narrate.told(turn(ready={})), "Nothing was ready."),
        (lambda: narrate.told(turn(ready=dict.fromkeys(range(8), Event.READ)))[:13], "Ready: fd 0 ("),
        (lambda: narrate.told(turn(ready=dict.fromkeys(range(1_200), Event.READ))), "1,200 fds were ready."),
        (lambda: narrate.asked(turn(interest={})), "nothing"),
        (lambda: narrate.asked(turn(interest=dict.fromkeys(range(9), Event.READ))), "9 fds"),
        (lambda: narrate.asked(turn(interest=dict.fromkeys(range(9), Event.WRITE))),
         "9 fds, 9 of them for writing too"),
        (lambda: narrate.patience(None), "and would wait without end"),
        (lambda: narrate.patience(float("inf")), "and would wait without end"),
        (lambda: narrate.patience(0), "without waiting"),
        (lambda: narrate.patience(-1), "without waiting"),
        (lambda: narrate.patience(0.25), "for at most 0.25 s"),
        (lambda: narrate.failure(TURN, 7, "OSError: no"), "alice: its handler raised OSError: no."),
        (lambda: narrate.failure(TURN, -1, "OSError: no"), "The wait itself failed: OSError: no."),
        (lambda: narrate.queues(Queues(1, 2, 3, None)),
         "1 B in the kernel's receive queue, 2 B in the read buffer and "
         "3 B in the write buffer"),
        (lambda: narrate.queues(Queues(0, 0, 0, 0)), "nothing"),
        (lambda: narrate.call(Call(7, "recv", 1024, 5, 0, 1)), "recv(1_024) → 5 bytes"),
        (lambda: narrate.call(Call(7, "recv", 1024, 1, 0, 1)), "recv(1_024) → 1 byte"),
        (lambda: narrate.call(Call(7, "recv", 1024, 0, 0, 1)), "recv(1_024) → 0 bytes: the end"),
        (lambda: narrate.call(Call(7, "accept", None, 9, 0, 1)), "accept() → fd 9"),
        (lambda: narrate.call(Call(7, "peek", 9, None, 0, 1)), "peek(9) → 0 bytes"),
        (lambda: narrate.call(Call(7, "close", None, None, 0, 1)), "close() → done"),
        (lambda: narrate.call(Call(7, "handle_read", None, 0, -1, 1)), "handle_read() → raised"),
        (lambda: narrate.error_name(errno.EPIPE), "EPIPE"),
        (lambda: narrate.error_name(9999), "errno 9999"),
        (lambda: narrate.ledger(turn(accounts={7: Account(*(0,) * 6, True, True)}), 7),
         "alice: not counted; it was at work meanwhile, or bytes passed unseen."),
        (lambda: narrate.ledger(turn(accounts={7: Account(*(0,) * 6, False, True)}), 7),
         "alice: not counted; its end is closed."),
        (lambda: narrate.ledger(turn(accounts={7: Account(1, 1, 0, 0, 0, 0, True, False)}, queues={}), 7),
         "alice: not counted; it was at work meanwhile, or bytes passed unseen."),
        (lambda: narrate.summary(turn(errors=((7, "OSError: no"),))),
         "Iteration 7: asked about listener (read) and alice (read and write), slept 3.1 ms. Ready: alice "
         "(write). 2 calls, awake 210 µs. alice: its handler raised OSError: no."),
    ],
)  # fmt: skip
def test_every_part_of_it_has_its_words(said, words):
    assert said() == words


def test_what_came_before_what_failed_and_what_is_too_much_is_told_in_its_place():
    calls = tuple(Call(7, "send", 1, 1, 0, at) for at in range(43))
    pokes = (Poke("bob", "send", 5, 5, 0),)
    lines = turn(calls=calls, pokes=pokes, errors=((5, "OSError: no"),)).explain().splitlines()
    assert lines[1] == "  Before it, bob sent 5 bytes."
    assert lines[4] == lines[43] == "  alice: send(1) → 1 byte"
    assert lines[44:46] == ["  … and 3 more calls.", "  listener: its handler raised OSError: no."]
    assert len(turn(calls=calls[:40]).explain().splitlines()) == 3 + 40 + 2
    touched = tuple(Call(fd, "send", 1, 1, 0, 1) for fd in range(20))
    held = dict.fromkeys(range(20), Queues(0, 0, 1, 0))
    counted = dict.fromkeys(range(20), Account(*(0,) * 6, True, False))
    told = turn(calls=touched, queues=held, accounts=counted, ready={}).explain()
    assert told.count(" holds 1 B in the write buffer.") == told.count("every byte is accounted for") == 8
