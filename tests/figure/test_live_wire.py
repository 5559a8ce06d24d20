"""What goes to the browser: the whole drawing once, then what differs, and no more than it can paint."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from labkit import Channel, Lab
from labkit.figure.browser import Browser, Canvas
from labkit.figure.controls import Controls
from labkit.figure.view import View
from labkit.figure.wire import ASLEEP, IN_FLIGHT, PATIENCE, RARELY, Wire

PANELS = ("fd sets", "calls", "buffers", "time")


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(1024))


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(Echo, selector="epoll", buffers=4096) as lab:
        lab.connect("alice").send(b"hello")
        lab.step(6)
        yield lab


@pytest.fixture
def view(lab: Lab) -> View:
    return View(lab, PANELS, "screen", None)


class Page:
    """What a browser holds after the messages that it was sent, by the rules of widget.js."""

    def __init__(self) -> None:
        self.head: dict[str, object] = {}
        self.marks: dict[str, object] = {}
        self.state: dict[str, object] = {}
        self.new: set[str] = set()

    def receive(self, text: str) -> None:
        self.head = json.loads(text)
        told = self.head.pop("marks")
        assert isinstance(told, dict)
        self.new = set(told)
        self.marks |= told
        shown = [key for key, _, _ in self.head["layers"]]  # type: ignore[attr-defined]
        self.shown = {key: self.marks[key] for key in shown}
        if self.head.pop("forget", False):
            self.marks = self.shown
        self.state |= self.head.pop("state", {})  # type: ignore[arg-type]


def test_after_any_messages_the_browser_holds_the_whole_drawing(lab: Lab, view: View):
    wire, page = Wire(), Page()
    for i in (5, 0, 3, 5, 2):
        page.receive(wire.message(view.draw(i), {"i": i}, 0.0, glide=False))
        whole = json.loads(view.drawing(i))
        assert page.shown == whole["marks"]
        assert page.head["layers"] == whole["layers"] and page.head["i"] == i
        assert page.state == {"i": i}


def test_only_what_differs_is_sent(lab: Lab, view: View):
    wire, page = Wire(), Page()
    page.receive(wire.message(view.draw(4), {}, 0.0, glide=False))
    everything = set(page.shown)
    assert page.new == everything and "table" in page.head
    page.receive(wire.message(view.draw(4), {}, 0.0, glide=False))
    assert not page.new and "table" not in page.head
    page.receive(wire.message(view.draw(5), {}, 0.0, glide=False))
    assert page.new and len(page.new) < len(everything) / 2, "columns that stand still are not sent again"


def test_what_was_shown_before_is_not_sent_again_until_the_browser_holds_too_much(
    lab: Lab, view: View, monkeypatch: pytest.MonkeyPatch
):
    lab.step(100)
    wire, page = Wire(), Page()
    for i in (5, 95):
        page.receive(wire.message(view.draw(i), {}, 0.0, glide=False))
    for i in (5, 95):
        page.receive(wire.message(view.draw(i), {}, 0.0, glide=False))
        assert page.shown == json.loads(view.drawing(i))["marks"]
        assert not {key for key in page.new if "column" in key}
    held = len(page.marks)
    assert held > 1.5 * len(page.shown)
    monkeypatch.setattr("labkit.figure.wire.HELD", held)
    for i in (50, 5, 95, 0):
        page.receive(wire.message(view.draw(i), {}, 0.0, glide=False))
        assert page.shown == json.loads(view.drawing(i))["marks"]
        assert len(page.marks) <= held


def test_a_new_browser_gets_everything(lab: Lab, view: View):
    wire, page = Wire(), Page()
    wire.message(view.draw(4), {"a": 1}, 0.0, glide=False)
    wire.forget()
    page.receive(wire.message(view.draw(4), {"a": 1}, 0.0, glide=False))
    assert page.new == set(page.shown) and page.state == {"a": 1} and "table" in page.head


def test_what_is_drawn_ahead_is_told_as_differences_and_keeps_nothing_waiting(lab: Lab, view: View):
    wire, page = Wire(), Page()
    page.receive(wire.message(view.draw(5), {}, 10.0, glide=False))
    for i in (3, 2, 3) * IN_FLIGHT:
        page.receive(wire.ahead(view.draw(i), 10.0))
        assert page.shown == json.loads(view.drawing(i))["marks"]
        assert (page.head["i"], page.head["n"]) == (i, -2 - i)
    assert wire.ready(10.0), "nobody answers them"
    page.receive(wire.message(view.draw(5), {}, 10.0, glide=False))
    assert page.shown == json.loads(view.drawing(5))["marks"] and page.head["n"] == 2


def test_the_browser_is_told_when_what_it_holds_is_true_no_longer(lab: Lab, view: View):
    wire = Wire()

    def anew(i: int) -> bool:
        return "anew" in json.loads(wire.message(view.draw(i), {}, 0.0, glide=False))

    assert [anew(3), anew(4), anew(2)] == [True, False, False]
    view.flag([("slug", None, 2, 3, "it spins")])
    assert [anew(3), anew(4)] == [True, False]
    lab.step()
    assert "anew" in json.loads(wire.ahead(view.draw(4), 0.0))
    assert not anew(4)
    wire.forget()
    assert anew(4), "there is a new browser"


def test_a_browser_that_does_not_paint_is_not_flooded(view: View):
    wire = Wire()
    for number in range(IN_FLIGHT):
        assert wire.ready(10.0), f"drawing {number} need not wait"
        wire.message(view.draw(), {}, 10.0, glide=False)
    assert not wire.ready(10.0)
    wire.painted(1, 10.0)
    assert wire.ready(10.0)
    wire.message(view.draw(), {}, 10.0, glide=False)
    assert not wire.ready(10.0 + PATIENCE / 2)
    assert wire.ready(10.0 + PATIENCE * 1.01), (
        "a busy kernel hears no answers, and shows something all the same"
    )


def test_the_widget_waits_as_its_wire_does(view: View, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Canvas, "send", lambda *_: None)
    browser = Browser(lambda _: None)
    for _ in range(IN_FLIGHT):
        assert browser.ready(time.monotonic())
        browser.show(view.draw(), {})
    assert not browser.ready(time.monotonic() - PATIENCE)
    assert browser.ready(time.monotonic() + PATIENCE)
    browser.close()


def test_a_browser_that_looks_elsewhere_gets_little(view: View):
    wire, now, sent = Wire(), 100.0, 0
    wire.painted(0, now)
    while now < 100.0 + ASLEEP + 20:
        if wire.ready(now):
            wire.message(view.draw(), {}, now, glide=False)
            sent += 1
        now += 0.05
    assert sent <= IN_FLIGHT + ASLEEP / PATIENCE + 20 / RARELY + 2


def test_an_answer_to_what_was_never_sent_changes_nothing(view: View):
    wire = Wire()
    wire.painted(99, 0.0)
    for _ in range(IN_FLIGHT):
        wire.message(view.draw(), {}, 10.0, glide=False)
    assert not wire.ready(10.0)


@pytest.mark.parametrize("name", ["<!--<script>", "\ud800 lone", "\x1b[31m", "a\u2028b", '"quoted"'])
def test_any_name_goes_over_the_wire(name: str):
    with Lab(Echo) as lab:
        lab.connect(name)
        lab.step(2)
        view = View(lab, PANELS, "screen", None)
        text = Wire().message(view.draw(), Controls(view).state(), 0.0, glide=False)
        text.encode()  # as the kernel's session does
        page = Page()
        page.receive(text)
        assert page.state["peers"]["rows"][0]["name"] == name  # type: ignore[index]
