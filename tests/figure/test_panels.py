"""What holds for any panel: kept parts are as new ones, rows have their room, words and edges are whole."""

from __future__ import annotations

import errno
import itertools
import random
from typing import Any

import pytest

from labkit.figure.drawing import Sheet
from labkit.figure.layout import room
from labkit.figure.marks import Mark
from labkit.figure.panels import PANELS
from labkit.figure.panels.compared import Compared
from labkit.figure.theme import EVENTS, ROLES
from labkit.tape.turn import Call, Now, Queues
from labkit.trace import Line, Source

from .reading import drawn, lines, of
from .test_source_and_map import HANDLED, LINES, TEXT
from .written import Written, connected, events, many, turn


def various() -> Written:
    """Iterations of which each differs from the one before it in one thing that some panel shows."""
    base = connected(2).iteration(0)
    shown = {
        name: getattr(base, name)
        for name in ("queues", "accounts", "capacity", "names", "contents", "interest")
    }
    queues, account, contents = base.queues[7], base.accounts[7], base.contents[7]
    changes: list[dict[str, Any]] = [
        {}, {"interest": events({7: 3, 8: 1})}, {"interest": events({7: 7})}, {"ready": events({8: 1})},
        {"names": {7: "another", 8: "b"}}, {"queues": {7: queues}},
        {"queues": {**base.queues, 9: Queues(1, 2, 3, 4)}},
        {"queues": {7: queues._replace(recv_queue=999), 8: queues}}, {"contents": {}},
        {"contents": {7: contents._replace(unread=b"changed"), 8: contents}},
        {"accounts": {7: account._replace(peer_sent=1), 8: account}}, {"accounts": {}}, {"capacity": {}},
        {"calls": HANDLED}, {"calls": (Call(8, "recv", 1, None, errno.EAGAIN, 1),)},
        {"calls": (Call(8, "send", 1, None, errno.EPIPE, 1),)}, {"errors": ((8, "ValueError: a"),)},
        {"timeout": 0.5}, {"asleep_ns": 10**9}, {"awake_ns": 10**7},
        {"cpu_ns": 10**8}, {"interest": {}, "queues": {}},
        {"interest": events(dict.fromkeys(range(30), 1))},
    ]  # fmt: skip
    return Written([turn(n, **{**shown, **change}) for n, change in enumerate(changes)])


@pytest.mark.unhurried
@pytest.mark.parametrize("seed", range(3))
def test_a_sheet_that_keeps_what_did_not_change_shows_what_a_new_one_does(seed: int):
    """The way of a reader through a tape, in windows that grow and shrink, with findings that come and go."""
    dice = random.Random(seed)
    tape = various()
    traced = {13: Source(LINES, TEXT, 0), 14: Source(LINES[:2], TEXT, 0)}
    now = [None, Now({}, {}, {7: Queues(9, 202, 303, 44)}, {}), Now({}, events({8: 3}), {}, {})]
    flags = [(), [("slug", 7, 2, 4, "it spins")], [("slug", 7, 2, 5, "it spins")]]

    def panels() -> list[Any]:
        return [*(PANELS[name]() for name in PANELS), Compared(tape, Written(tape._its[1:], dropped=1))]

    kept = Sheet(tape, panels(), lines=traced)
    for _ in range(25):
        tape._told = dice.choice(now)
        tape.about["selector"] = dice.choice(["select", "epoll"])
        tape.about["framing"] = dice.choice(["", "lines"])
        kept.height = dice.choice([None, None, 1500, 900])
        new = Sheet(tape, panels(), lines=traced, findings=dice.choice(flags), height=kept.height)
        kept.findings = new.findings
        index = dice.choice([13, 14, len(tape) - 1, dice.randrange(len(tape))])
        at = index, dice.choice([None, 0, 1, 2]), dice.choice([None, None, 0, 1, 3]), dice.choice([640, 1200])
        assert kept.draw(*at).drawn() == new.draw(*at).drawn()
        kept._kept = dict(itertools.islice(kept._kept.items(), 400))


def rows_of(marks: list[Mark], kind: str) -> list[tuple[float, float]]:
    return sorted({(mark.box[1], mark.box[1] + mark.box[3]) for mark in of(marks, kind)})


@pytest.mark.parametrize(
    "fds, high", [(1, 4), (4, 4), (5, 8), (8, 8), (9, 12), (13, 16), (16, 16), (17, 24), (24, 24)]
)
def test_rows_are_kept_free_for_fds_to_come(fds: int, high: int):
    drawing = Sheet(many(fds, 9), [PANELS["fd sets"]()]).draw(8)
    (number,) = of(drawing.marks(), "number", "current")
    first = rows_of(drawing.marks(), "label")[0][0]
    assert number.box[1] - first == pytest.approx(20 * high, abs=2)
    assert drawing.height - number.box[1] == pytest.approx(26, abs=1), "a number, and a flag under it"
    heat = Sheet(many(25, 9), [PANELS["fd sets"]()]).draw(8)
    assert heat.height - drawing.height == pytest.approx(320 - 20 * high)


@pytest.mark.parametrize("peers", [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16])
@pytest.mark.parametrize("contents", [False, True])
def test_connections_stand_one_under_the_other_in_the_room_they_have(peers: int, contents: bool):
    drawing = Sheet(connected(peers, contents=contents), [PANELS["buffers"]()]).draw(0)
    bars = rows_of(drawing.marks(), "place")
    assert len(bars) == peers
    free = {5: 6, 7: 8, 9: 12, 13: 16}.get(peers, peers)
    step = {2: 18 + 3 * 18 + 8, 4: 18 + 2 * 18 + 8}.get(2 * -(-peers // 2), 24) if contents else 18 + 18 + 8
    step = step if peers <= 4 else 24
    assert {round(b[0] - a[0], 2) for a, b in zip(bars, bars[1:], strict=False)} <= {step}
    assert drawing.height == bars[0][0] + free * step + (18 if peers > 4 else 0)
    text = rows_of(drawing.marks(), "content")
    assert bool(text) == (contents and peers <= 4)
    assert all(mark.box[1] + mark.box[3] <= drawing.height for mark in drawing.marks())


@pytest.mark.parametrize("count, free", [(0, 12), (6, 12), (7, 20), (90, 20)])
def test_calls_have_lines_kept_free_for_them(count: int, free: int):
    tape = Written([turn(0, calls=tuple(Call(5, "recv", n, n, 0, n) for n in range(count)))])
    drawing = Sheet(tape, [PANELS["calls"]()]).draw(0)
    assert drawing.height == 24 + 18 * free
    low = Sheet(tape, [PANELS["calls"]()], height=10).draw(0)
    assert low.height == 24 + 18 * 6
    assert Sheet(Written([]), [PANELS["calls"]()]).draw(-1).height == 24 + 18 * 12


@pytest.mark.parametrize("panel", ["fd sets", "time"])
@pytest.mark.parametrize("dropped", [0, 1_003])
@pytest.mark.parametrize("index", [0, 5, 12, 15, 16, 25, 39])
def test_every_eighth_iteration_has_its_number_where_the_current_one_leaves_room(
    panel: str, dropped: int, index: int
):
    marks = drawn(many(3, 40, beyond=False, dropped=dropped), dropped + index, panel, width=1000)
    current = dropped + index
    first = max(0, (current // 20 - 1) * 20)  # of forty columns
    (mine,) = of(marks, "number", "current")
    others = {mark.iteration for mark in of(marks, "number", "")}
    eighths = {n for n in range(first, first + 40) if n % 8 == 0 and n != current}
    assert others <= eighths
    assert all(abs(n - current) <= 3 for n in eighths - others)
    boxes = sorted((mark.box[0], mark.box[0] + mark.box[2]) for mark in of(marks, "number"))
    assert all(right + 6 < left for (_, right), (left, _) in itertools.pairwise(boxes))
    assert mine.text == f"{current:,}"


def test_the_check_says_in_whole_words_what_it_knows():
    it = connected(1).iteration(0)
    account = it.accounts[7]
    numbers = "in 1,156 = 1,000 + 101 + 55, out 2,000 = 1,519 + 77 + 404"
    for fields, words in (
        ({}, f"✓ {numbers}"),
        (
            {"accounts": {7: account._replace(peer_sent=1_157)}},
            f"✗ BYTES ARE MISSING: {numbers.replace('6 =', '7 =')}",
        ),
        ({"accounts": {}}, "– the kernel does not say what its peer holds"),
        ({"accounts": {7: account._replace(open=False)}}, "– its peer's end is closed"),
        ({"accounts": {7: account._replace(moving=True)}}, "– the peer moved bytes while it was asked"),
        ({"queues": {7: it.queues[7]._replace(recv_queue=None)}}, "– the kernel does not say"),
    ):
        shown = {"queues": it.queues, "accounts": it.accounts, "capacity": it.capacity, **fields}
        _, below = of(drawn(Written([turn(0, **shown)]), 0, "buffers", width=1400), "check")
        assert below.text == words


WAITS = dict.fromkeys(range(3, 100, 4), 1)


@pytest.mark.parametrize("selector, asked, answered", [
    ("", "select([3], [5], [5], 0.25)", "→ [], [5], [5]"),
    ("busy", "select([3], [5], [5], 0)", "→ [], [5], [5]"),
    ("poll", "poll.poll(250)", "→ [(5, POLLOUT|POLLPRI/HUP/ERR)]"),
    ("epoll", "epoll.poll(0.25)", "→ [(5, EPOLLOUT|EPOLLPRI/HUP/ERR)]"),
    ("devpoll", "devpoll.select(0.25)", "→ [], [5], [5]"),
])  # fmt: skip
def test_a_wait_is_written_as_its_selector_is_called(selector: str, asked: str, answered: str):
    for timeout in (0.25, None):
        tape = Written([turn(0, interest=events({3: 1, 5: 6}), ready=events({5: 6}), timeout=timeout)])
        tape.about["selector"] = selector
        said = lines(drawn(tape, 0, "calls", width=900))
        without = asked.replace(", 0.25)", ")").replace("(0.25)", "()").replace("(250)", "()")
        assert said[1] == (without if timeout is None else asked)
        assert answered in said
        assert ("asked R [3]  W [5]  X [5]" in said) == (selector not in ("", "busy"))


@pytest.mark.parametrize("width, asked, answered", [
    (2000, f"select([{', '.join(map(str, WAITS))}], [], [])", f"→ [{', '.join(map(str, WAITS))}], [], []"),
    (520, "select([3, 7, 11, 15, 19, 23, … 25 fds], [], [])", "→ [3, 7, 11, 15, 19, 23, … 25 fds], [], []"),
    (320, "select([3, 7, 11, 15, 19, 23, … 25 fds],|       [], [])", "→ [3, 7, 11, 15, … 25 fds], [], []"),
])  # fmt: skip
def test_of_many_fds_as_many_are_named_as_there_is_room_for(width: int, asked: str, answered: str):
    tape = Written([turn(0, interest=events(WAITS), ready=events(WAITS))])
    said = lines(drawn(tape, 0, "calls", width=width))
    assert said[1 : 2 + asked.count("|")] == asked.split("|")
    assert answered in said


def test_each_caller_is_joined_to_what_it_calls_by_a_line_down_and_a_line_across():
    deep = (*HANDLED, Call(7, "handle_write_event", None, 1, 0, 1), Call(7, "send", 5, 5, 0, 1))
    tape = Written([turn(0, calls=HANDLED), turn(1, calls=deep)])
    marks = Sheet(tape, [PANELS["call map"]()]).draw(1).marks()
    rows = {mark.text.removesuffix(" ↑"): mark for mark in of(marks, "method")}
    for caller, callee in (("handle_read_event", "handle_read"), ("handle_read", "recv")):
        down, across = (mark for mark in of(marks, "edge") if mark.text == f"{caller} → {callee}")
        above, below = rows[caller], rows[callee]
        x, y, w, h = down.box
        assert above.box[0] <= x < below.box[0] and w == 0 and h > 0
        assert above.box[1] < y <= above.box[1] + above.box[3]
        assert y + h == across.box[1] == below.box[1] + below.box[3] / 2
        assert (across.box[0], across.box[3]) == (x, 0) and x < x + across.box[2] <= below.box[0]
        assert down.value == across.value == below.value
    words = of(marks, "text", "muted")
    bars = of(marks, "count", "")
    assert {bar.text for bar in bars} >= {"handle_read", "recv", "send"}
    for bar in bars:
        (now,) = (m for m in of(marks, "count", "now") if m.box[1] == bar.box[1])
        (beside,) = (m for m in words if abs(m.box[1] + m.box[3] / 2 - bar.box[1] - bar.box[3] / 2) < 1)
        assert beside.text == (f"{bar.value}, {now.value} now" if now.value else f"{bar.value}")
        assert beside.box[0] == pytest.approx(bar.box[0] + bar.box[2] + 6)
        assert all(mark.box[0] + mark.box[2] <= bar.box[0] for mark in rows.values())
    swatches, legend = of(marks, "swatch"), of(marks, "legend")
    assert [mark.state for mark in swatches] == ["count", "count now"]
    assert all(a.box[0] + a.box[2] + 12 <= b.box[0] for a, b in itertools.pairwise(legend))
    for swatch, word in zip(swatches, legend, strict=False):
        assert swatch.box[0] + swatch.box[2] < word.box[0] < swatch.box[0] + 24 and swatch.text == word.text


def test_calls_are_counted_from_where_the_ring_begins_and_of_a_long_tape_the_last_five_thousand():
    panel = PANELS["call map"]()
    for dropped, length, index, counted in (
        (0, 9, 8, 9), (0, 9, 3, 4), (100, 9, 105, 6), (0, 5_050, 5_049, 5_000), (0, 5_050, 5_020, 5_000),
        (0, 9, 0, 1),
    ):  # fmt: skip
        its = [turn(i, calls=HANDLED) for i in range(dropped, dropped + length)]
        marks = Sheet(Written(its, dropped=dropped), [panel]).draw(index).marks()
        assert {mark.text: mark.value for mark in of(marks, "count", "")}["recv"] == counted


@pytest.mark.parametrize("height", [150, 200, 260, 330])
@pytest.mark.parametrize("peers", [5, 12, 30])
def test_a_low_panel_shows_as_many_connections_as_it_has_room_for_and_counts_the_rest(
    peers: int, height: int
):
    tape = connected(peers, contents=False)
    drawing = Sheet(tape, [PANELS["buffers"]()], height=height).draw(0, width=640)
    rows = rows_of(drawing.marks(), "place")
    more = [mark for mark in of(drawing.marks(), "text", "muted") if mark.text.startswith("… ")]
    assert [mark.text for mark in more] == (
        [f"… {peers - len(rows)} more connections"] if len(rows) < peers else []
    )
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(rows))
    bottom = max([rows[-1][1], *(mark.box[1] + mark.box[3] for mark in more)])
    assert bottom <= drawing.height + 0.01
    assert len(rows) == peers or drawing.height - bottom < 2 * 22, "there is room for more"
    assert all(mark.box[1] >= rows[-1][1] for mark in more)


@pytest.mark.parametrize("fds", [1, 4, 30])
def test_two_tapes_that_differ_are_outlined_over_all_their_rows(fds: int):
    asked = events(dict.fromkeys(range(3, 3 + fds), 1))
    one = Written([turn(n, interest=asked) for n in range(6)])
    two = Written([turn(n, interest=asked, ready=events({3: 1}) if n == 2 else {}) for n in range(6)])
    sheet = Sheet(one, [PANELS["fd sets"](), Compared(one, two)])
    drawing = sheet.draw(4)
    above, below = drawing.panels
    assert above.h == below.h and (above.x, above.w) == (below.x, below.w)
    marks = [mark for mark in drawing.marks() if mark.panel == "compared"]
    (outline,) = of(marks, "differs")
    x, y, w, h = outline.box
    top = min(mark.box[1] for mark in of(marks, "cell", "asked"))
    foot = max(mark.box[1] + mark.box[3] for mark in of(marks, "cell", "asked"))
    assert outline.iteration == 2 and 0 <= top - y <= 5 and 0 <= y + h - foot <= 5
    band = of(marks, "band")[0].box
    assert (w, x) == (band[2], band[0] - 2 * band[2])
    assert {mark.text for mark in of(marks, "title")} == {
        "fd sets of the other tape; outlined where they differ"
    }
    assert below.title == "fd sets of the other tape; outlined where they differ"


@pytest.mark.parametrize("wide, beside", [(619, False), (620, True), (1200, True)])
@pytest.mark.parametrize("function", ["read", "a_function_with_quite_a_long_name_that_wants_all_the_room"])
def test_source_and_values_share_the_room_that_there_is(wide: int, beside: bool, function: str):
    rows = tuple(f"    line {n}" for n in range(40))
    values = (("a", "1"), ("b", "2"), ("c", "3"))
    ran = [Line(function, "f.py", 120, 0, values, None, 0), Line(function, "f.py", 121, 0, values, None, 0)]
    source = {0: Source(ran, {("f.py", function): (100, rows)}, 0)}
    drawing = Sheet(Written([turn(0)]), [PANELS["source"]()], lines=source).draw(0, line=1, width=wide)
    marks = drawing.marks()
    listed, told = of(marks, "source"), of(marks, "variable")
    assert [mark.text for mark in told] == ["a = 1", "b = 2", "c = 3"]
    assert [mark.value for mark in listed] == list(range(listed[0].value, listed[0].value + 14))
    assert 121 in [mark.value for mark in listed][6:8], "the line is in the middle of what is listed"
    states = {mark.value: mark.state for mark in listed}
    assert (states[119], states[120], states[121]) == ("mono muted", "mono", "mono bold")
    if beside:
        assert {mark.box[1] for mark in told} <= {mark.box[1] for mark in listed}
        assert all(mark.box[0] >= max(m.box[0] + m.box[2] for m in listed) for mark in told)
        assert told[0].box[1] == listed[0].box[1]
        assert told[0].box[0] + told[0].box[2] == wide
    else:
        assert {mark.box[0] for mark in told} == {0}
        assert told[0].box[1] == listed[-1].box[1] + 18
    assert drawing.height == 24 + 18 * (15 if beside else 21)
    (title,) = of(marks, "title")
    where = next(
        mark for mark in of(marks, "text", "muted") if mark.text.startswith("f.py") or "line 2" in mark.text
    )
    assert title.box[2] <= 0.6 * wide and where.box[0] == title.box[0] + title.box[2]
    assert where.box[0] + where.box[2] == wide


@pytest.mark.parametrize("held, said", [
    (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (10**6, "1,000,000"),
    (1_234_567_890, "1,234,567,890"),
])  # fmt: skip
@pytest.mark.parametrize("width", [480, 640, 1600])
def test_a_number_of_bytes_is_as_exact_as_there_is_room_for(held: int, said: str, width: int):
    queues = Queues(held, 0, 0, 0)
    marks = drawn(Written([turn(0, queues={7: queues})]), 0, "buffers", width=width)
    (bar,), (amount,) = of(marks, "bytes", "recv_queue"), of(marks, "amount")
    digits, unit = amount.text.rstrip("KMG ").replace(",", ""), {"K": 10**3, "M": 10**6, "G": 10**9}
    size = unit.get(amount.text[-1], 1)
    assert abs(float(digits) * size - held) <= (size / 2 if size > 1 else 0)
    assert room(amount.text) <= amount.box[2] + 0.01
    if room(said) + 6 <= bar.box[2]:
        assert amount.text == said and amount.box[0] == bar.box[0] + 4
    assert bar.value == held


def test_what_is_written_looks_as_its_state_says():
    """A state without a look of its own would be written as if it had none; some kinds have but one look."""
    tape, alike = various(), ("place", "content", "finding", "rule")
    source = {13: Source(LINES, TEXT, 0)}
    seen = set()
    sheet = Sheet(tape, [PANELS[name]() for name in PANELS], lines=source, findings=[("slug", 7, 2, 4, "a")])
    for index, call, line in itertools.product(range(len(tape)), (None, 1), (None, 4)):
        for mark in sheet.draw(index, call, line).marks():
            if mark.kind not in (*alike, "swatch"):
                event = f"{mark.kind} {mark.state} {EVENTS.get(mark.event or 0, '')}"
                seen |= {event.strip() if event.strip() in ROLES else f"{mark.kind} {mark.state}".strip()}
    assert seen <= ROLES.keys()
    assert seen >= {
        "text bad",
        "call failed",
        "call again",
        "call outcome",
        "text read",
        "text bold",
        "check bad",
    }


def test_handlers_that_raised_are_told_of_two_and_counted():
    for count, left in ((1, 0), (2, 0), (3, 1), (5, 3)):
        more = [f"✗ … {left} more handlers raised"] if left else []
        raised = tuple((fd, f"ValueError: {fd}") for fd in range(5, 5 + count))
        marks = drawn(Written([turn(0, errors=raised, names={5: "alice", 6: "bob"})]), 0, "calls")
        bad = of(marks, "text", "bad")
        told = ["✗ alice: its handler raised ValueError: 5.", "✗ bob: its handler raised ValueError: 6."]
        assert [mark.text for mark in bad] == [*told[:count], *more]
        assert [mark.fd for mark in bad] == [*(5, 6)[:count], *([None] * len(more))]


def test_a_connection_is_what_has_a_send_queue_or_else_what_has_anything_to_receive():
    for queues, shown in (
        ({7: Queues(5, 0, 0, None), 8: Queues(None, 1, 1, None)}, {7}),
        ({7: Queues(5, 0, 0, None), 8: Queues(None, 1, 1, 0)}, {8}), ({8: Queues(None, 1, 1, None)}, set()),
    ):  # fmt: skip
        marks = drawn(Written([turn(0, queues=queues)]), 0, "buffers")
        assert {mark.fd for mark in of(marks, "bytes")} == shown
        assert ("no connection" in {mark.text for mark in marks}) == (not shown)


@pytest.mark.parametrize("width, said", [(1000, "of 123,456,789"), (640, "of 123.5 M"), (330, "∞")])
def test_what_a_place_may_hold_is_written_above_it_as_it_fits(width: int, said: str):
    capacity = {7: connected(1).iteration(0).capacity[7]._replace(recv_queue=123_456_789)}
    tape = Written([turn(0, queues={7: Queues(1, 2, 3, 4)}, capacity=capacity)])
    marks = drawn(tape, 0, "buffers", width=width)
    bar = of(marks, "bytes", "recv_queue")[0].box
    above = [m.text for m in of(marks, "text", "centre") if m.box[0] == bar[0]]
    assert above[-1] == said


@pytest.mark.parametrize("height", [140, 160, 190])
def test_a_low_map_lists_as_many_methods_as_it_has_room_for_and_counts_the_rest(height: int):
    deep = tuple(Call(7, f"i{'l' * 12}{n}", None, 11 - n, 0, n) for n in range(12))
    drawing = Sheet(Written([turn(0, calls=deep)]), [PANELS["call map"]()], height=height).draw(0, width=900)
    methods = of(drawing.marks(), "method")
    (more,) = (mark for mark in of(drawing.marks(), "text", "muted") if mark.text.endswith(" more"))
    whole = Sheet(Written([turn(0, calls=deep)]), [PANELS["call map"]()]).draw(0, width=900)
    everyone = of(whole.marks(), "method")
    assert [mark.text for mark in methods] == [mark.text for mark in everyone][: len(methods)]
    assert {call.name for call in deep} <= {mark.text for mark in everyone}, "no name is cut"
    assert more.text == f"… {len(everyone) - len(methods)} more"
    assert more.box[1] == methods[-1].box[1] + 18
    assert 0 <= drawing.height - (more.box[1] + more.box[3]) < 2 * 18


@pytest.mark.parametrize("width", [640, 800, 1000, 1400, 1920])
def test_a_long_name_is_cut_in_one_way_in_the_panels_of_one_column(width: int):
    names = {fd: f"a client of the class with the number {fd} in it" for fd in range(7, 10)}
    interest, queues = events(dict.fromkeys(names, 1)), connected(3).iteration(0).queues
    calls = tuple(Call(fd, "recv", 1, 1, 0, 1) for fd in names)
    it = turn(0, interest=interest, names=names, queues=queues, calls=calls)
    marks = drawn(Written([it]), 0, width=width)
    asked, held = (
        [mark.text for mark in of(marks, "label") if mark.panel == panel] for panel in ("fd sets", "buffers")
    )
    assert asked == held
    assert width > 900 or held == [m.text for m in of(marks, "text", "") if m.fd in names]
    assert len({*held}) == 3 and all("…" in name for name in held)
