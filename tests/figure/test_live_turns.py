"""What is due in each turn of a live figure's thread, by a clock and a player that the test moves."""

from __future__ import annotations

import queue
import time
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from labkit import LiveFigure
from labkit.figure import live
from labkit.figure.controls import is_late
from labkit.figure.panels.panel import Finding
from labkit.tape.turn import Now

from .test_live import widgets
from .written import Player, Written, events


class Screen:
    """What a figure shows and tells, while it is not `full`."""

    def __init__(self) -> None:
        self.full, self.seen = False, True
        self.shown, self.told, self.answers = list[Any](), list[dict[str, Any]](), list[tuple[str, str]]()
        self.glides, self.held = list[bool](), list[int]()

    def ready(self, now: float) -> bool:
        return not self.full

    def show(self, drawing: Any, state: dict[str, Any], glide: bool = False) -> None:
        self.shown.append(drawing.index)
        self.glides.append(glide)
        self.told.append(state)

    def tell(self, state: dict[str, Any]) -> None:
        self.told.append(state)

    def hold(self, drawing: Any) -> None:
        self.held.append(drawing.index)

    def answer(self, of: str, why: str) -> None:
        self.answers.append((of, why))

    def close(self) -> None:
        pass


def made(player: Player | Written, *panels: str, **options: Any) -> tuple[LiveFigure, Screen]:
    """A figure that has been shown once, at second 100 of its clock."""
    figure = LiveFigure(player, *(panels or ["time"]), **{"findings": False, **options})
    figure._screen = screen = Screen()
    figure._moved = 100.0, figure._newest()
    figure._turn(100.0)
    assert screen.shown == [figure.index]
    return figure, screen


def test_it_is_drawn_when_there_is_something_new_and_the_screen_has_room():
    player = Player()
    figure, screen = made(player)
    figure._turn(100.5)
    assert screen.shown == [2]
    screen.full = True
    player.step()
    figure._turn(100.6)
    assert screen.shown == [2]
    screen.full = False
    figure._turn(100.7)
    assert screen.shown == [2, 3]
    figure.order({"do": "go", "i": 1})
    figure._turn(100.8)
    player.step()
    figure._turn(100.9)
    assert screen.shown == [2, 3, 1], "what is not followed is not drawn"
    figure.order({"do": "hello"})
    figure._turn(101.0)
    assert screen.shown == [2, 3, 1, 1], "a new browser is shown all"


def test_what_may_soon_be_asked_for_is_drawn_ahead_one_by_one_and_never_while_it_runs():
    player = Player()
    figure, screen = made(player)
    figure.order({"do": "ahead", "of": [1, 99, 0]})
    for held in ([1], [1], [1, 0]):
        assert screen.held == held
        figure.order(figure._orders.get_nowait())
    assert screen.held == [1, 0]
    assert figure._orders.empty() and not figure.trouble and figure.index == 2
    player.running = True
    figure.order({"do": "ahead", "of": [1, 0]})
    assert screen.held == [1, 0] and figure._orders.empty()


def test_what_was_drawn_is_true_until_the_tape_its_findings_or_the_room_change():
    player = Player()
    figure, _ = made(player)
    seen = [figure.draw().of]
    for i in (0, 1):
        assert [figure.draw(i).of] == seen, "moving changes nothing"
    for change in (
        player.step,
        lambda: figure.order({"do": "width", "value": 800}),
        lambda: figure.flag([("slug", None, 0, 1, "it spins")]),
        player.reset,
        *[player.step] * (len(player.tape) + 1),
    ):
        change()
        assert figure.draw(width=figure._wide).of not in seen
        seen.append(figure.draw(width=figure._wide).of)


@pytest.mark.parametrize(
    "spent, more, waits",
    [(0.0, 1, 1 / 90), (0.07, 1, 0.2), (0.07, 1000, 3.5)],
    ids=["ninety a second", "a share of a core", "less while the lab is busy"],
)
def test_while_it_runs_drawing_takes_no_more_than_its_share(
    monkeypatch: pytest.MonkeyPatch, spent: float, more: int, waits: float
):
    player = Player()
    figure, screen = made(player)
    cpu = SimpleNamespace(at=0.0)

    def thread_time() -> float:
        cpu.at += spent
        return cpu.at

    monkeypatch.setattr("labkit.figure.live.time.thread_time", thread_time)
    player.running = True
    for _ in range(more):
        player.step()
    figure._turn(101.0)
    assert figure.busy == (more == 1000)
    for late, count in ((0.98, 0), (1.02, 1)):
        before = len(screen.shown)
        player.step()
        figure._turn(101.0 + waits * late)
        assert len(screen.shown) - before == count
    player.running = False
    figure._turn(110.0)
    player.step()
    figure._turn(110.0)
    assert screen.shown[-1] == len(player.tape) - 1, "and when it stands, at once"


@pytest.mark.parametrize("more, busy", [(400, False), (401, True)])
def test_a_lab_is_busy_from_so_many_iterations_a_second(more: int, busy: bool):
    player = Player()
    figure, _ = made(player)
    player.running = True
    figure._busy(101.0)
    for _ in range(more):
        player.step()
    assert figure._busy(102.0) == busy
    player.running = False
    assert not figure._busy(102.0)


def test_while_it_runs_all_of_the_state_is_told_five_times_a_second():
    player = Player()
    figure, screen = made(player)
    player.running = True
    figure._turn(101.0)
    assert "speed" in screen.told[-1] and screen.told[-1]["running"]
    player.step()
    figure._turn(101.1)
    assert screen.told[-1] == {}, "the drawing says where it is"
    told = len(screen.told)
    figure._turn(101.19)
    assert len(screen.told) == told
    figure._turn(101.21)
    assert len(screen.told) == told + 1 and "speed" in screen.told[-1]


def test_a_loop_that_sleeps_is_said_to_until_there_is_an_iteration(monkeypatch: pytest.MonkeyPatch):
    asked = []

    def blocked_in(thread: int) -> Any:
        asked.append(thread)
        return SimpleNamespace(call="epoll_pwait")

    monkeypatch.setattr(live.kernel, "blocked_in", blocked_in)
    player = Player()
    figure, screen = made(player)
    player.running = True
    figure._turn(100.5)
    assert screen.told[-1]["asleep"] is None, "it has only begun"
    figure._turn(100.8)
    assert screen.told[-1]["asleep"] == ["epoll_wait", 0.3] and asked == [7]
    figure._turn(101.1)
    assert screen.told[-1]["asleep"] == ["epoll_wait", 0.6], "since it ran on"
    player.step()
    figure._turn(101.06)
    assert screen.told[-1]["asleep"] is None
    figure._turn(101.4)
    assert screen.told[-1]["asleep"] == ["epoll_wait", 0.3]
    player.pause()
    figure._turn(101.5)
    assert screen.told[-1]["asleep"] is None


@pytest.mark.parametrize("call, said", [
    ("pselect6", "select"), ("ppoll", "poll"), ("epoll_pwait2", "epoll_wait"), ("read", "read"), (None, None),
])  # fmt: skip
def test_what_it_sleeps_in_has_the_name_that_the_reader_knows(
    monkeypatch: pytest.MonkeyPatch, call: str | None, said: str | None
):
    monkeypatch.setattr(live.kernel, "blocked_in", lambda _: call and SimpleNamespace(call=call))
    player = Player()
    figure, _ = made(player)
    figure._fall_asleep(100.1)
    assert figure._asleep is None, "for so short a time it is not asked"
    figure._fall_asleep(101.0)
    assert figure._asleep == (said and (said, 100.0))
    player.thread = None  # type: ignore[assignment]
    figure._fall_asleep(101.0)
    assert figure._asleep is None


def test_what_the_kernel_holds_is_looked_at_ten_times_a_second_while_nothing_runs():
    player = Player()
    figure, screen = made(player)
    for held, now, shown in (
        ({5: 1}, 100.05, 1), ({5: 1}, 100.11, 2), ({5: 1}, 100.22, 2), ({5: 3}, 100.25, 2),
        ({5: 3}, 100.33, 3),
    ):  # fmt: skip
        player.tape._told = Now({}, events(held), {}, {})
        figure._turn(now)
        assert len(screen.shown) == shown, now
    player.tape._told = Now({}, events({5: 7}), {}, {})
    figure.playing, figure._next_move = True, 200.0
    figure._turn(101.0)
    assert len(screen.shown) == 3, "while it plays, every iteration is drawn anyway"


@pytest.mark.parametrize("selector, ran, said", [
    ("busy", live.BUSY_BUDGET, True), ("busy", live.BUSY_BUDGET / 2, False),
    ("epoll", live.BUSY_BUDGET, False),
])  # fmt: skip
def test_a_busy_loop_that_its_budget_has_paused_says_so(selector: str, ran: float, said: bool):
    player = Player(selector=selector)
    figure, screen = made(player)
    player.running = True
    figure._turn(101.0)
    figure._turn(101.0 + ran / 2)
    assert not figure.controls.note
    player.running = False
    figure._turn(101.0 + ran)
    assert (f"paused after {live.BUSY_BUDGET:g} s" in screen.told[-1]["note"]) == said
    figure._turn(103.0 + ran)
    shown = len(screen.shown)
    figure._turn(104.0 + ran)
    assert len(screen.shown) == shown


def test_at_a_speed_it_steps_so_often_until_something_fails():
    player = Player()
    figure, screen = made(player)
    figure.speed = 4.0
    figure.run()
    figure._next_move = 101.0
    for now in (100.9, 101.0, 101.1, 101.2, 101.26, 101.45, 101.6):
        figure._turn(now)
    assert player.acts == ["step"] * 3 and screen.shown[-1] == 5 and figure.playing
    assert screen.glides == [False, True, True, True], "bytes glide on a step, and on no other drawing"
    player.step = lambda: 1 / 0  # type: ignore[assignment, return-value]
    figure._turn(102.0)
    assert not figure.playing and "ZeroDivisionError" in screen.told[-1]["trouble"]


def test_a_tape_is_replayed_to_its_end():
    figure, screen = made(Player(3).tape)
    figure.speed = 1.0
    figure.run()
    assert figure.index == 0 and figure.playing, "from its beginning, since it was at its end"
    figure._next_move = 101.0
    for now in (101.0, 101.5, 102.0, 103.0):
        figure._turn(now)
    assert screen.shown[-2:] == [1, 2] or screen.shown[-3:] == [1, 2, 2]
    assert not figure.playing


def test_what_is_wrong_is_asked_once_it_is_quiet(monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(
        live, "diagnose", lambda tape: asked.append(len(tape)) or [Finding("slug", 5, 0, 1, "it spins")]
    )
    player = Player()
    figure, screen = made(player, findings=True)
    asked.clear()
    figure._diagnosed = -1
    figure._thread = object()  # type: ignore[assignment]
    for now, diagnosed in ((100.29, []), (100.31, [3]), (100.9, [3])):
        figure._turn(now)
        assert asked == diagnosed
    assert [f.rule for f in figure.sheet.findings] == ["slug"]
    player.running = True
    player.step()
    figure._turn(101.0)
    figure._turn(102.0)
    assert asked == [3], "not while it runs"
    player.running = False
    figure._turn(103.0)
    figure._turn(104.0)
    assert asked == [3, 4]
    for _ in range(live.DIAGNOSED_AT_MOST - 4):
        player.step()
    figure._turn(105.0)
    figure._turn(106.0)
    assert asked == [3, 4, 500]
    player.step()
    figure._turn(107.0)
    figure._turn(108.0)
    assert asked == [3, 4, 500], "a tape that is longer costs too much"
    figure._thread = None


def test_what_the_reader_has_left_is_published_unless_it_is_used_again(monkeypatch: pytest.MonkeyPatch):
    published = []
    figure, _ = made(Player())
    monkeypatch.setattr(figure, "_publish", lambda: published.append(figure.index))
    monkeypatch.setattr("labkit.figure.live.time.monotonic", lambda: 200.0)
    figure.order({"do": "left"})
    figure._turn(200.9)
    assert not published
    figure._turn(201.1)
    figure._turn(209.0)
    assert published == [2]
    figure.order({"do": "left"})
    figure.order({"do": "back"})
    figure._turn(209.0)
    assert published == [2]


@pytest.mark.parametrize("value, wide", [(100, 640), (641, 641), (2559.7, 2559), (9_999, 2560)])
def test_it_is_drawn_as_wide_as_there_is_room(value: float, wide: int):
    figure, screen = made(Player())
    figure.order({"do": "width", "value": value})
    figure._screen.show = lambda drawing, *_: screen.shown.append(drawing.width)
    figure._turn(101.0)
    assert screen.shown[-1] == wide


def test_it_is_drawn_at_most_as_high_as_a_screen_has_room_and_as_it_was_asked_for():
    figure, screen = made(Player())
    figure._screen.show = lambda drawing, *_: screen.shown.append(drawing.height)
    for now, (high, own) in enumerate([(None, None), (200, None), (None, None), (None, 220), (230, 220)]):
        figure._high = own
        figure.order({"do": "width", "value": 1000, "high": high})
        figure._turn(101.0 + now)
    whole, low, again, *compact = screen.shown[-5:]
    assert (low, again, compact) == (200, whole, [220, 220]) and whole > 230


def test_why_is_said_of_the_mark_that_is_pointed_at():
    figure, screen = made(Player(), "fd sets")
    for layer in figure.draw().layers:
        for number, mark in enumerate(layer.drawn):
            if mark.kind in ("cell", "title"):
                figure.order({"do": "why", "of": mark.text, "key": layer.key, "number": number})
    figure.order({"do": "why", "of": "nothing", "key": layer.key, "number": 9_999})
    figure.order({"do": "why", "of": "nothing", "key": "no such layer", "number": 0})
    told = dict(screen.answers)
    assert told["fd sets, one column per iteration"] == "fd sets, one column per iteration"
    cells = [why for of, why in screen.answers if of == "5 alice: read asked, not ready"]
    assert len(cells) == 3
    for index, why in enumerate(cells):
        it = figure.tape.iteration(index)
        assert why.startswith(f"5 alice: read asked, not ready in iteration {index}. ")
        assert why.lower().endswith(f"{it.why(5)}.".lower())
    assert "nothing" not in told


def test_a_reset_forgets_everything_of_the_tape_before():
    player = Player()
    figure, screen = made(player)
    figure.controls.reading.add("alice")
    figure.controls.taken["alice"] = b"x"
    figure.order({"do": "go", "i": 1})
    figure.order({"do": "reset"})
    figure._turn(101.0)
    assert screen.shown[-1] == -1 and figure.following and figure.tape is player.tape
    assert not figure.controls.reading and not figure.controls.taken
    assert screen.told[-1]["last"] == -1


def test_an_order_that_fails_is_told_until_one_succeeds():
    figure, screen = made(Player())
    for order, trouble in (
        ({"do": "dance"}, "ValueError: there is no order 'dance'"),
        ({}, "ValueError: there is no order None"),
        ({"do": "peer", "peer": "bob", "act": "close"}, "LookupError: bob is closed"), ({"do": "step"}, ""),
        (lambda _: 1 / 0, "ZeroDivisionError: division by zero"), (LiveFigure.back, ""),
    ):  # fmt: skip
        figure.order(order)  # type: ignore[arg-type]
        assert figure.trouble == trouble
        figure._turn(101.0)
        assert screen.told[-1]["trouble"] == trouble


def test_a_drawing_that_fails_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture):
    player = Player()
    figure, screen = made(player)
    figure.draw = lambda **_: 1 / 0  # type: ignore[method-assign]
    player.step()
    figure._turn(101.0)
    assert figure.trouble == "the figure could not be drawn: ZeroDivisionError: division by zero"
    assert "the figure could not be drawn" in caplog.text
    figure.close()


def test_a_figure_that_stands_looks_rarely_until_there_is_something_new():
    player = Player()
    figure, _ = made(player)
    waits: list[float] = []

    class Orders:
        def get(self, timeout: float) -> Any:
            waits.append(timeout)
            if len(waits) == 4:
                player.step()
            if len(waits) == 6:
                return None
            raise queue.Empty

        def get_nowait(self) -> Any:
            raise queue.Empty

    figure._moved = time.monotonic() - 2 * live.QUIET, figure._newest()
    live._serve(weakref.ref(figure), Orders())  # type: ignore[arg-type]
    assert waits[1:] == [live.LOOK_RARELY] * 3 + [live.LOOK_EVERY] * 2


def test_orders_that_the_next_of_their_kind_makes_needless_are_left_out():
    go, why, step = {"do": "go", "i": 1}, {"do": "why"}, {"do": "step"}
    for order, later, late in (
        (go, [], False), (go, [{"do": "go", "i": 2}], True), (go, [why, step], False), (step, [step], False),
        (LiveFigure.back, [LiveFigure.back], False), (why, [step, why], True), (go, [LiveFigure.back], False),
        ({"do": "width"}, [go, {"do": "width"}], True), (None, [None], False),
    ):  # fmt: skip
        assert is_late(order, later) is late


def test_it_says_what_it_is():
    before = widgets()
    player = Player()
    figure, _ = made(player)
    assert repr(figure) == "<LiveFigure, stopped, at iteration 2 of 3>"
    player.running = True
    assert repr(figure) == "<LiveFigure, running, at iteration 2 of 3>"
    figure._screen = None
    figure.close()
    assert repr(figure) == "<LiveFigure, closed, at iteration 2 of 3>"
    assert widgets() <= before


def test_by_source_line_a_lab_keeps_its_lines_and_any_other_player_is_stepped(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(live, "trace", lambda lab: lab.step() or ["a line"])
    for is_lab, panel, kept in ((False, "source", {}), (True, "time", {}), (True, "source", {3: ["a line"]})):
        player = Player()
        monkeypatch.setattr(live, "Lab", Player if is_lab else Screen)
        figure, _ = made(player, panel)
        figure.order({"do": "step"})
        assert (player.acts, figure.index, figure.lines) == (["step"], 3, kept)


def test_what_is_flagged_later_is_drawn():
    figure, screen = made(Player())
    figure.flag([("slug", None, 0, 1, "it spins")])
    figure._turn(101.0)
    assert screen.shown == [2, 2]
