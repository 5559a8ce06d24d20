"""What is told of an iteration and its calls, against the tape."""

from __future__ import annotations

import errno

import pytest

from labkit.tape.turn import Call, Poke

from .reading import drawn, lines, of
from .written import Written, connected, events, turn


def test_the_iteration_is_told_as_the_reader_would_write_it():
    it = turn(
        12, interest=events({3: 1, 7: 3, 9: 4}), ready=events({7: 3}), timeout=0.5, asleep_ns=3_000_000,
        awake_ns=50_000, cpu_ns=61_000, names={7: "alice"},
        calls=(Call(7, "recv", 1024, 5, 0, 1), Call(7, "recv", 1024, None, errno.EAGAIN, 2),
               Call(7, "send", 5, None, errno.EPIPE, 3)),
        errors=((7, "ValueError: no"),),
    )  # fmt: skip
    assert lines(drawn(Written([it], dropped=12), 12, "calls")) == [
        "iteration 12",
        "select([3, 7], [7], [9], 0.5)",
        "→ [7], [7], []",
        "asleep 3 ms awake 50 µs CPU 61 µs",
        "✗ alice: its handler raised ValueError: no.",
        "7 alice recv(1_024) → 5 bytes",
        "7 alice recv(1_024) → × EAGAIN",
        "7 alice send(5) → ✗ EPIPE",
    ]


@pytest.mark.parametrize("selector, asked, told", [
    ("poll", "poll.poll(500)", "→ [(7, POLLIN|POLLOUT)]"),
    ("epoll", "epoll.poll(0.5)", "→ [(7, EPOLLIN|EPOLLOUT)]"),
    ("busy", "select([3, 7], [7], [9], 0)", "→ [7], [7], []"),
    ("kqueue", "kqueue.select(0.5)", "→ [7], [7], []"),
])  # fmt: skip
def test_each_selector_is_asked_in_its_own_words(selector: str, asked: str, told: str):
    tape = Written([turn(0, interest=events({3: 1, 7: 3, 9: 4}), ready=events({7: 3}), timeout=0.5)])
    tape.about["selector"] = selector
    said = lines(drawn(tape, 0, "calls"))
    assert said[1] == asked
    assert told in said
    if selector not in ("busy",):
        assert "asked R [3, 7] W [7] X [9]" in [" ".join(line.split()) for line in said]


@pytest.mark.parametrize("made", [0, 1, 2])
def test_by_call_what_is_still_to_come_is_pale_and_has_no_outcome(made: int):
    marks = drawn(connected(1), 1, "calls", call=made)
    assert ("just woken" if not made else f"after call {made} of 2") in {mark.text for mark in marks}
    rows = {mark.value: mark for mark in of(marks, "call") if mark.state.startswith("mono")}
    assert {number: mark.state for number, mark in rows.items()} == {
        0: "mono" if made > 0 else "mono pale", 1: "mono" if made > 1 else "mono pale",
    }  # fmt: skip
    assert [mark.text for mark in of(marks, "call", "outcome")] == ["→ 8 bytes", "→ 5 bytes"][:made]
    bands = of(marks, "band", "call")
    assert len(bands) == (1 if made else 0)
    if made:
        assert bands[0].box[1] == rows[made - 1].box[1]


def test_of_many_calls_those_around_the_position_are_shown():
    calls = tuple(Call(5, "recv", n, n, 0, n) for n in range(100))
    tape = Written([turn(0, calls=calls, names={5: "alice"})])
    for call in (None, 1, 50, 100):
        shown = [
            mark.value
            for mark in of(drawn(tape, 0, "calls", call=call), "call")
            if mark.state.startswith("mono")
        ]
        assert shown == sorted(shown) == list(range(shown[0], shown[-1] + 1))
        assert ((call or 1) - 1) in shown
        words = lines(drawn(tape, 0, "calls", call=call))
        assert (f"… {shown[0]} before" in words) == (shown[0] > 0)
        assert (f"… {99 - shown[-1]} more" in words) == (shown[-1] < 99)


@pytest.mark.parametrize("count, said", [
    (0, []), (1, ["before: alice sent 1 byte"]),
    (2, ["before: alice sent 1 byte", "before: alice sent 2 bytes"]),
    (5, ["before: alice sent 1 byte", "before: alice sent 2 bytes, and 3 more"]),
])  # fmt: skip
def test_what_was_done_before_is_told_in_two_lines_where_the_calls_need_the_rest(count: int, said: list[str]):
    pokes = tuple(Poke("alice", "send", n, n, 0) for n in range(1, count + 1))
    calls = tuple(Call(5, "recv", n, n, 0, n) for n in range(100))
    told = lines(drawn(Written([turn(0, pokes=pokes, calls=calls)]), 0, "calls"))
    assert [line for line in told if line.startswith("before")] == said


def test_beside_room_all_that_was_done_before_is_told():
    pokes = tuple(Poke("alice", "send", n, n, 0) for n in range(1, 5))
    told = lines(drawn(Written([turn(0, pokes=pokes)]), 0, "calls"))
    assert told[1:5] == [f"before: alice sent {n} byte{'s' * (n > 1)}" for n in range(1, 5)]
    assert told[-1] == "no call recorded"


def test_a_panel_too_low_for_calls_counts_them():
    calls = tuple(Call(5, "recv", n, n, 0, n) for n in range(9))
    tape = Written([turn(0, calls=calls, errors=((5, "a"), (6, "b"), (7, "c")))])
    told = lines(drawn(tape, 0, "calls", height=150))
    assert told[-1] == "9 calls"
