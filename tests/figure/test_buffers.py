"""Every bar of bytes against the tape, its row, its place and its scale."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from labkit.figure.layout import room
from labkit.figure.marks import Mark
from labkit.figure.panels.buffers import abridged, amount, numbered, wrapped
from labkit.tape.turn import Call, Capacity, Moment, Now, Queues

from .reading import drawn, middle, of
from .written import Written, connected, events, turn

STATES = ("unsent", "recv_queue", "read_buffer", "write_buffer", "send_queue", "unread")
NAMED = {
    "unsent": ("peer →", "unsent"), "recv_queue": ("kernel →", "receive queue"),
    "read_buffer": ("your program", "read buffer"), "write_buffer": ("your program", "write buffer"),
    "send_queue": ("→ kernel", "send queue"), "unread": ("→ peer", "unread"),
}  # fmt: skip


def six(it, fd: int) -> dict[str, int | None]:
    """What the six places of a connection hold, from the iteration's own fields."""
    account, queues = it.accounts.get(fd), it.queues[fd]
    ends = account if account is not None and account.open else None
    return {
        "unsent": ends and ends.peer_unsent,
        "recv_queue": queues.recv_queue,
        "read_buffer": queues.read_buffer,
        "write_buffer": queues.write_buffer,
        "send_queue": queues.send_queue,
        "unread": ends and ends.peer_unread,
    }


@pytest.mark.parametrize("peers", [1, 3, 8, 12])
@pytest.mark.parametrize("width", [640, 1000, 1920])
def test_each_bar_of_bytes_is_a_number_of_the_tape_on_one_scale_a_row(peers: int, width: int):
    tape = connected(peers, contents=False)
    marks = drawn(tape, 0, "buffers", width=width)
    rows: dict[int, dict[str, Mark]] = defaultdict(dict)
    for mark in of(marks, "bytes"):
        rows[mark.fd][mark.state] = mark
    assert {fd: {s: m.value for s, m in row.items()} for fd, row in rows.items()} == {
        fd: six(tape.iteration(0), fd) for fd in tape.iteration(0).queues
    }
    places = {(mark.fd, mark.state): mark for mark in of(marks, "place")}
    for fd, row in rows.items():
        lefts = [row[state].box[0] for state in STATES]
        assert lefts == sorted(lefts)
        assert len(set(lefts)) == 6
        scales = {row[state].box[2] / row[state].value for state in STATES}
        assert max(scales) == pytest.approx(min(scales))
        (label,) = [mark for mark in of(marks, "label") if mark.fd == fd]
        assert label.text == f"{fd} client {fd - 7}"
        for state in STATES:
            place, mark = places[fd, state], row[state]
            assert middle(mark)[1] == middle(label)[1] == middle(place)[1]
            assert place.box[0] == mark.box[0]
            limit = {"unsent": 700, "recv_queue": 500, "send_queue": 600, "unread": 800}.get(state)
            assert place.value == limit
            if limit:
                assert place.box[2] / limit == pytest.approx(max(scales))
            assert place.box[2] >= mark.box[2] - 0.01
            inside, beside = mark.box[0] + 4, mark.box[0] + mark.box[2] + 4
            (amount,) = [
                a
                for a in of(marks, "amount")
                if a.fd == fd and min(abs(a.box[0] - inside), abs(a.box[0] - beside)) < 0.01
            ]
            assert amount.text == f"{mark.value:,}"


@pytest.mark.parametrize("width", [640, 1000, 1920])
def test_each_place_is_named_above_it_with_whose_it_is_and_what_it_may_hold(width: int):
    marks = drawn(connected(1), 0, "buffers", width=width)
    words = of(marks, "text", "centre")
    for mark in of(marks, "bytes"):
        x = mark.box[0]
        above = [w.text for w in words if w.box[0] <= x + 1 and x + 1 <= w.box[0] + w.box[2]]
        owner, name = NAMED[mark.state]
        limit = {"unsent": 700, "recv_queue": 500, "send_queue": 600, "unread": 800}.get(mark.state)
        assert above[0] == owner
        assert name.startswith(above[1])
        assert above[2] == (f"of {limit}" if limit else "no limit")


def test_few_bytes_fill_a_place_of_their_own_scale_and_are_shown_as_text():
    queues = Queues(5, 4, 16, 0)
    tape = Written([turn(0, queues={7: queues}, contents={7: connected(1).iteration(0).contents[7]})])
    marks = of(drawn(tape, 0, "buffers"), "bytes")
    widths = {mark.state: mark.box[2] for mark in marks}
    assert widths["read_buffer"] == pytest.approx(widths["write_buffer"] / 4)
    assert widths["recv_queue"] == pytest.approx(widths["write_buffer"] * 5 / 16)
    assert widths["send_queue"] == widths["unsent"] == 0
    assert [mark.value for mark in marks] == [None, 5, 4, 16, 0, None]


@pytest.mark.parametrize("width", range(820, 900, 8))
def test_what_places_are_called_is_whole_in_the_narrowest_of_two_columns(width: int):
    """As on a full screen of 1280 pixels, where everything is half as large again."""
    named = {7: "a rather long name of a peer that wants room"}
    marks = drawn(
        Written([turn(0, queues={7: Queues(1, 2, 3, 4)}, names=named)]),
        0,
        "fd sets",
        "calls",
        "buffers",
        width=width,
    )
    words = {mark.text for mark in of(marks, "text", "centre") if mark.panel == "buffers"}
    assert words >= {"unsent", "receive", "read", "write", "send", "unread"}


@pytest.mark.parametrize("held", [5, 50_000, 90_000])
def test_a_small_place_beside_a_large_one_is_no_line_but_says_how_full_it_is(held: int):
    """Where the kernel's defaults are 100,000 and 4,000,000 bytes; no place looks fuller than it is."""
    shared = {"capacity": {7: Capacity(100_000, 4_000_000, 4_000_000, 100_000)}}
    marks = drawn(Written([turn(0, queues={7: Queues(held, 0, 0, held)}, **shared)]), 0, "buffers")
    places = {mark.state: mark.box[2] for mark in of(marks, "place")}
    bars = {mark.state: mark.box[2] for mark in of(marks, "bytes")}
    assert places["recv_queue"] == pytest.approx(24)
    assert places["send_queue"] > 24
    (place,) = (mark for mark in of(marks, "place") if mark.state == "recv_queue")
    (number, _) = sorted(of(marks, "amount"), key=lambda mark: mark.box[0])
    beside = place.box[0] + place.box[2]
    assert number.text == f"{held:,}" and (
        number.box[0] > beside or number.box[0] + room(number.text) < beside
    )
    assert bars["recv_queue"] == pytest.approx(24 * held / 100_000)
    assert bars["send_queue"] == pytest.approx(places["send_queue"] * held / 4_000_000)


def test_the_bytes_themselves_stand_under_their_bars():
    marks = drawn(connected(1), 0, "buffers", width=1920)
    text = {mark.state: mark for mark in of(marks, "content")}
    assert {state: mark.text for state, mark in text.items()} == {
        "unsent": r"un\n", "recv_queue": "kernel", "read_buffer": r"to\nread", "write_buffer": "to write",
        "send_queue": "sent", "unread": r"\x00left",
    }  # fmt: skip
    for bar in of(marks, "bytes"):
        assert text[bar.state].box[0] == bar.box[0]
        assert text[bar.state].box[1] >= bar.box[1] + bar.box[3] - 0.01
        assert text[bar.state].text in bar.text


@pytest.mark.parametrize(
    "framing, read, queue, unsent",
    [
        ("lines", r"to\n│read", "kernel", r"un\n│"),
        ("length 1", r"\x03abc│\x02", r"de│\x00│", r"\x01"),
        ("length 2 little", r"\x01\x00a│\x00\x00│", r"\x01\x00", "b│c"),
        ("length 2", r"\x01\x00a\x00\x00", r"\x01\x00", "bc"),
        ("length 0", "x", "y", "z"),
        ("", "x", "y", "z"),
    ],
)
def test_borders_stand_where_messages_end(framing: str, read: str, queue: str, unsent: str):
    contents = connected(1).iteration(0).contents[7]
    if framing == "length 1":
        contents = contents._replace(read_buffer=b"\x03abc\x02", recv_queue=b"de\x00", unsent=b"\x01")
    elif framing.startswith("length 2"):
        held = b"\x01\x00a\x00\x00"
        contents = contents._replace(read_buffer=held, recv_queue=b"\x01\x00", unsent=b"bc")
    elif framing != "lines":
        contents = contents._replace(read_buffer=b"x", recv_queue=b"y", unsent=b"z")
    tape = Written([turn(0, queues={7: Queues(1, 2, 3, 4)}, contents={7: contents})])
    tape.about["framing"] = framing
    text = {mark.state: mark.text for mark in of(drawn(tape, 0, "buffers", width=1920), "content")}
    assert (text["read_buffer"], text["recv_queue"], text["unsent"]) == (read, queue, unsent)


def test_no_border_is_drawn_behind_bytes_that_nobody_knows():
    contents = connected(1).iteration(0).contents[7]._replace(read_buffer=None, recv_queue=b"\x01a\x01b")
    for held, text in ((0, r"\x01a│\x01b│"), (3, r"\x01a\x01b")):
        tape = Written([turn(0, queues={7: Queues(4, held, 0, 0)}, contents={7: contents})])
        tape.about["framing"] = "length 1"
        (mark,) = (m for m in of(drawn(tape, 0, "buffers", width=1920), "content") if m.state == "recv_queue")
        assert mark.text == text


def test_the_check_says_that_bytes_add_up_or_do_not_or_why_nobody_knows():
    it = connected(1).iteration(0)
    short = it.accounts[7]._replace(peer_sent=1)
    for fields, state, sign, words in (
        ({}, "good", "✓", "in 1,156 = 1,000 + 101 + 55"),
        ({"accounts": {7: short}}, "bad", "✗", "BYTES ARE MISSING"),
        ({"accounts": {}}, "unsure", "–", "does not say"),
        ({"accounts": {7: it.accounts[7]._replace(open=False)}}, "unsure", "–", "closed"),
        ({"accounts": {7: it.accounts[7]._replace(moving=True)}}, "unsure", "–", "moved bytes"),
    ):
        tape = Written(
            [turn(0, **{"queues": it.queues, "accounts": it.accounts, "capacity": it.capacity, **fields})]
        )
        beside, below = of(drawn(tape, 0, "buffers"), "check")
        assert (beside.state, beside.text) == (below.state, sign) == (state, sign)
        assert below.text.startswith(f"{sign} ")
        assert words in below.text
        bar = of(drawn(tape, 0, "buffers"), "bytes", "unread")[0]
        assert below.box[1] >= bar.box[1] + bar.box[3] - 0.01
        assert beside.box[0] >= bar.box[0] + bar.box[2]


def test_what_nobody_knows_is_striped_and_not_empty():
    tape = Written([turn(0, queues={7: Queues(None, 3, 0, 20)})])
    marks = drawn(tape, 0, "buffers")
    assert {mark.state: mark.value for mark in of(marks, "bytes")} == {
        "unsent": None, "recv_queue": None, "read_buffer": 3, "write_buffer": 0, "send_queue": 20,
        "unread": None,
    }  # fmt: skip
    assert [mark.state for mark in of(marks, "place")] == [
        "unknown", "unknown", "read_buffer", "write_buffer", "send_queue", "unknown",
    ]  # fmt: skip


@pytest.mark.parametrize("call, queues, unread", [
    (0, (109, 202, 303, 404), 77), (1, (101, 210, 303, 404), 78), (2, (101, 202, 298, 409), 77),
    (None, (101, 202, 298, 409), 77),
])  # fmt: skip
def test_the_bytes_stand_where_they_stood_after_each_call(call, queues, unread: int):
    marks = drawn(connected(3), 1, "buffers", call=call)
    told = {mark.state: mark.value for mark in of(marks, "bytes") if mark.fd == 7}
    assert tuple(told[state] for state in STATES[1:5]) == queues
    assert told["unread"] == unread
    others = {mark.state: mark.value for mark in of(marks, "bytes") if mark.fd == 8}
    assert others == six(connected(3).iteration(1), 8)
    text = {mark.state: mark.text for mark in of(marks, "content") if mark.fd == 7}
    assert text["recv_queue"] == {0: "at first", 1: "took"}.get(call, "kernel")


def test_what_came_since_the_loop_looked_is_outlined():
    its = connected(1)._its[:1]
    now = Now({}, {}, {7: Queues(190, 202, 303, 404)}, {})
    marks = drawn(Written(its, now=now), 0, "buffers")
    (held,) = of(marks, "now", "bytes")
    bar = next(mark for mark in of(marks, "bytes", "recv_queue"))
    assert (held.fd, held.value, held.box[:2]) == (7, 190, bar.box[:2])
    assert held.box[2] / 190 == pytest.approx(bar.box[2] / bar.value)


@pytest.mark.parametrize("peers", [30, 100])
def test_of_many_connections_those_that_were_touched_or_are_wrong_are_shown(peers: int):
    it = connected(peers).iteration(0)
    last = max(it.queues)
    wrong = {**it.accounts, last - 1: it.accounts[last - 1]._replace(peer_sent=0)}
    tape = Written([turn(0, queues=it.queues, accounts=wrong, ready=events({last: 1}))])
    marks = drawn(tape, 0, "buffers")
    shown = {mark.fd for mark in of(marks, "bytes")}
    assert {last, last - 1} <= shown
    assert len(shown) < peers
    (more,) = [mark.text for mark in of(marks, "text", "muted")]
    assert more == f"… {peers - len(shown)} more connections"


def test_before_its_first_call_a_connection_holds_what_the_iteration_before_left_it():
    queues, account = Queues(1, 2, 3, 4), connected(1).iteration(0).accounts[7]
    first = turn(0, queues={7: queues}, accounts={7: account})
    then = Queues(11, 12, 13, 14)
    second = turn(
        1, queues={7: then, 8: then}, accounts={7: account},
        calls=(Call(7, "recv", 9, 9, 0, 1), Call(8, "recv", 9, 9, 0, 2)),
        moments=(Moment(1, 7, then, account), Moment(2, 8, then, None)),
    )  # fmt: skip
    third = turn(2, queues={7: Queues(99, 99, 99, 99)})
    tape = Written([first, second, third])
    told = {mark.state: mark.value for mark in of(drawn(tape, 1, "buffers", call=0), "bytes")}
    assert [told[state] for state in STATES[1:5]] == [1, 2, 3, 4]
    shown = {mark.fd for mark in of(drawn(tape, 1, "buffers", call=1), "bytes")}
    assert shown == {7}, "nothing is known of 8 before its first call"


@pytest.mark.parametrize("count, texts", [
    (5, ["5"]), (8_192, ["8,192", "8.2 K", "8K"]), (999, ["999"]), (1_000, ["1,000", "1.0 K", "1K"]),
    (3_400_000, ["3,400,000", "3.4 M", "3M"]), (5 * 10**9, ["5,000,000,000", "5.0 G", "5G"]),
    (7 * 10**12, ["7,000,000,000,000", "7.0 T", "7T"]),
])  # fmt: skip
def test_a_number_is_exact_where_it_fits_and_else_as_short_as_it_must_be(count: int, texts: list[str]):
    for at, text in enumerate(texts):
        assert amount(count, room(text)) == text
        shorter = texts[min(at + 1, len(texts) - 1)]
        assert amount(count, room(text) - 0.1) == shorter


def test_bytes_are_written_as_a_reader_would():
    queues = Queues(5, 4, 16, 0)
    contents = connected(1).iteration(0).contents[7]._replace(read_buffer=b"\r\t\\\n~\x7f\x00 ")
    tape = Written([turn(0, queues={7: queues}, contents={7: contents})])
    (mark,) = [m for m in of(drawn(tape, 0, "buffers", width=2_400), "content") if m.state == "read_buffer"]
    assert mark.text == r"\r\t\\\n~\x7f\x00 "


def test_the_bytes_of_two_connections_take_two_lines_and_no_more():
    long = connected(1).iteration(0).contents[7]._replace(read_buffer=b"0123456789" * 8)
    tape = Written([turn(0, queues={7: Queues(5, 80, 16, 0)}, contents={7: long})])
    marks = [m for m in of(drawn(tape, 0, "buffers", width=1_000), "content") if m.state == "read_buffer"]
    assert len(marks) == 2
    assert marks[0].text == ("0123456789" * 8)[: len(marks[0].text)]
    assert "…" in marks[1].text
    assert marks[1].text.endswith("9")


def test_a_number_stands_in_its_bar_or_beside_it_but_not_across_its_end():
    for width in (640, 1000, 2000):
        marks = drawn(connected(3, contents=False), 1, "buffers", width=width)
        lefts = sorted({mark.box[0] for mark in of(marks, "place")})
        wide = lefts[1] - lefts[0] - 8  # between places
        beside = 0
        for said in of(marks, "amount"):
            bars = [b for b in of(marks, "bytes") if b.value and b.fd == said.fd and b.box[0] < said.box[0]]
            (x, _, long, _), needs = max(bars, key=lambda bar: bar.box[0]).box, room(said.text)
            beside += said.box[0] > x + long
            assert said.box[0] > x + long or 4 + needs <= long or long + needs + 4 > wide - 3
            assert said.box[0] + needs <= x + wide + 0.01
        assert beside


def test_an_escape_is_never_torn_between_two_lines():
    for text in (r"HELLO WORLD\n", r"\x00\x01ab" * 9, r"\\n" * 20, "plain " * 20):
        for wide in (40, 63, 80, 100):
            lines = wrapped(text, wide, 99)
            assert "".join(lines) == text
            assert not any(re.search(r"(?<!\\)(\\\\)*\\(x[0-9a-f]?)?$", line) for line in lines)
    assert wrapped("anything", 50, 0) == []
    assert wrapped("abcdefgh" * 9, 50, 2)[1] == ("abcdefgh" * 9)[len(wrapped("abcdefgh" * 9, 50, 2)[0]) :]


def test_every_border_of_a_frame_is_seen_however_little_room_there_is():
    one = r'\x1b\x00\x00\x00{"in": "ping", "params": 1}'
    assert abridged(f"{one}│{one}", 200) == f"{one}│{one}"
    assert abridged(one, 30) == one  # no border: whoever draws it shortens it
    assert abridged(f"{one}│{one}│{one}│", 21) == r"\x1b…}│\x1b…}│\x1b…}│"
    for most in range(20, 90):
        shown = abridged(f"{one}│{one}│ab\\x00│{one}"[: 2 * len(one) + 12], most)
        assert shown.count("│") == 3
        assert len(shown) <= most
        assert not re.search(r"\\(x[0-9a-f]?)?[│…]", shown)
    marks = "".join(wrapped(f"{one}│{one}│{one}│", 120, 2))
    assert marks.count("│") == 3
    assert len(marks) <= 2 * (120 // room("m", "mono"))


def test_a_number_that_fits_neither_in_its_bar_nor_beside_it_is_said_shorter():
    assert numbered(11_688, 60, 90) == ("11,688", 4.0)
    assert numbered(11_688, 10, 90) == ("11,688", 14)
    assert numbered(11_688, 42, 74) == ("12K", 4.0)
    assert numbered(7, 3, 90) == ("7", 7)
    assert numbered(11_688, 20, 22)[1] == 4.0, "there is no room at all"
