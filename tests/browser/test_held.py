"""A figure in a plain page: what the browser holds is shown before an answer, as the kernel would draw it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from labkit import Channel, Lab
from labkit.figure.controls import Controls
from labkit.figure.script import module
from labkit.figure.view import View
from labkit.figure.wire import Wire

PAGE = """<!DOCTYPE html><body><div id="root"></div><script type="module">%s
const sent = window.sent = [];
window.figure = new Figure(document.getElementById("root"), message => sent.push(message));
</script></body>"""
RESTS = "() => !figure.waiting && figure.painted === figure.drawing.n"
SHOWN = """() => [figure.drawing.i, figure.painted === figure.drawing.n,
  document.querySelector(".lk-place").textContent, document.querySelector(".lk-said").textContent,
  figure.layers.map(({ piece, x, y }) => [piece.key, x, y]),
  figure.layers.map(({ piece }) => piece.marks.map(mark => [mark.kind, mark.state, mark.x, mark.y, mark.w,
    mark.h, mark.text, mark.fd, mark.iteration, mark.event, mark.value]))]"""
LAST = 19


class Echo(Channel):
    def handle_read(self) -> None:
        self.write(self.recv(1024))


class Kernel:
    """A figure's end of the wire, which answers when it is told to."""

    def __init__(self, lab: Lab, page: Page) -> None:
        self.view, self.wire, self.page = (
            View(lab, ["fd sets", "calls", "buffers"], "screen", None),
            Wire(),
            page,
        )
        self.controls = Controls(self.view)
        self.answer()

    def orders(self) -> list[dict[str, Any]]:
        """What the page has sent since it was last asked."""
        sent: list[dict[str, Any]] = self.page.evaluate("() => sent.splice(0)")
        return [each for each in sent if "do" in each]

    def answer(self, order: dict[str, Any] | None = None) -> None:
        if order is not None:
            self.controls.obey(order)
        self.send(self.wire.message(self.view.draw(), self.controls.state(), 0.0, glide=False))

    def draw_ahead(self, *iterations: int) -> None:
        for i in iterations:
            self.send(self.wire.ahead(self.view.draw(i), 0.0))

    def send(self, text: str) -> None:
        self.page.evaluate("text => figure.receive(JSON.parse(text))", text)

    def shown(self) -> list[Any]:
        self.page.wait_for_function(RESTS)
        shown: list[Any] = self.page.evaluate(SHOWN)
        return shown

    def drawn(self, i: int) -> list[Any]:
        """What is shown when iteration `i` is."""
        whole = json.loads(self.view.drawing(i))
        marks = [
            [mark + [None] * (11 - len(mark)) for mark in whole["marks"][key]]
            for key, _, _ in whole["layers"]
        ]
        return [i, True, f"{i} / {LAST}", whole["says"], whole["layers"], marks]


@pytest.fixture
def kernel(chromium: Browser) -> Iterator[Kernel]:
    page = chromium.new_page(viewport={"width": 1010, "height": 900})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_content(PAGE % module())
    with Lab(Echo, selector="epoll", buffers=4096) as lab:
        peer = lab.connect("alice")
        for turn in range(LAST + 1):
            peer.send(bytes(turn))
            lab.step()
        yield Kernel(lab, page)
    page.close()
    assert complaints == []


def press(kernel: Kernel, name: str) -> None:
    kernel.page.get_by_role("button", name=name, exact=True).click()


def scrub(kernel: Kernel, to: float) -> None:
    box = kernel.page.get_by_role("slider").bounding_box()
    assert box is not None
    kernel.page.mouse.click(box["x"] + 8 + (box["width"] - 16) * to, box["y"] + box["height"] / 2)


def test_what_was_drawn_ahead_is_shown_without_an_answer_and_as_the_kernel_draws_it(kernel: Kernel):
    assert kernel.shown() == kernel.drawn(LAST)
    kernel.draw_ahead(18, 17, 4)
    assert kernel.shown() == kernel.drawn(LAST), "what is held is not shown"
    press(kernel, "◀ Back")
    assert kernel.shown() == kernel.drawn(18)
    press(kernel, "◀ Back")
    assert kernel.shown() == kernel.drawn(17)
    kernel.page.locator(".lk-sheet").focus()
    kernel.page.keyboard.press("ArrowRight")
    assert kernel.shown() == kernel.drawn(18)
    scrub(kernel, 4 / LAST)
    assert kernel.shown() == kernel.drawn(4)
    for order in kernel.orders():
        if order["do"] not in ("ahead", "width", "left"):
            kernel.answer(order)
    assert kernel.view.index == 4, "the kernel was told all of it"
    assert kernel.shown() == kernel.drawn(4)


def test_what_is_not_held_waits_for_the_kernel(kernel: Kernel):
    press(kernel, "◀ Back")
    assert kernel.shown() == kernel.drawn(LAST)
    kernel.answer({"do": "back", "order": 1})
    assert kernel.shown() == kernel.drawn(18)
    scrub(kernel, 0.5)
    assert kernel.shown()[0] == 18


def test_an_answer_to_an_earlier_order_does_not_take_the_reader_back(kernel: Kernel):
    kernel.draw_ahead(18, 17, 16)
    for _ in range(3):
        press(kernel, "◀ Back")
    backs = [order for order in kernel.orders() if order["do"] == "back"]
    assert len(backs) == 3
    for order in backs:
        kernel.answer(order)
        assert kernel.shown() == kernel.drawn(16), f"after the answer to {order}"
    press(kernel, "Forward ▶")
    assert kernel.shown() == kernel.drawn(17)


def test_where_the_kernel_goes_elsewhere_the_page_follows(kernel: Kernel):
    kernel.draw_ahead(18)
    press(kernel, "◀ Back")
    kernel.answer({"do": "go", "i": 7, "order": 1})
    assert kernel.shown() == kernel.drawn(7)


def test_what_may_be_true_no_longer_is_not_shown(kernel: Kernel):
    kernel.draw_ahead(18)
    kernel.view.flag([("slug", None, 2, 3, "it spins")])
    kernel.answer()
    press(kernel, "◀ Back")
    assert kernel.shown() == kernel.drawn(LAST), "it waits for the kernel"


def test_while_it_runs_nothing_is_shown_but_what_the_kernel_sends(kernel: Kernel):
    kernel.draw_ahead(18)
    kernel.view.playing = True
    kernel.answer()
    kernel.page.evaluate("figure.order({ do: 'back' })")
    kernel.page.wait_for_function(RESTS)
    assert kernel.page.evaluate("figure.drawing.i") == LAST
    assert "ahead" not in [order["do"] for order in kernel.orders()]


def test_who_comes_to_the_slider_has_its_places_drawn_ahead_once(kernel: Kernel):
    kernel.orders()
    kernel.page.get_by_role("slider").hover()
    (asked,) = (order for order in kernel.orders() if order["do"] == "ahead")
    assert asked["of"][:2] == [18, 17], "what is beside it comes first"
    assert sorted(asked["of"]) == list(range(LAST)), "each once; the newest is shown as it is now"
    kernel.page.get_by_role("button", name="Forward").hover()
    kernel.page.get_by_role("slider").hover()
    assert not kernel.orders()
    kernel.view.flag([("slug", None, 2, 3, "it spins")])
    kernel.answer()
    kernel.page.get_by_role("slider").hover(position={"x": 20, "y": 8})
    assert [order["do"] for order in kernel.orders()] == ["ahead"], "what was held is true no longer"


def test_what_is_beside_is_asked_for_as_the_reader_goes_on(kernel: Kernel):
    kernel.send(json.dumps({"state": {"first": 1000, "last": 9999, "i": 5000}}))
    kernel.page.get_by_role("slider").hover()
    kernel.orders()
    asked: list[int] = []
    for n in range(12):
        kernel.page.evaluate("i => figure.receive({ state: { i } })", 5000 - n)
        press(kernel, "◀ Back")
        orders = kernel.orders()
        assert [order["do"] for order in orders][0] == "back"
        more = [order["of"] for order in orders if order["do"] == "ahead"]
        asked += [at for each in more for at in each]
        assert len(more) <= 1, "no more than one question a press"
        assert {5000 - n - 2, 5000 - n - 3} <= {*asked, *range(4994, 5007)}, (
            "the next ones have been asked for"
        )
    assert len(set(asked)) == len(asked) < 30, "each once"


def test_on_a_long_tape_the_pointer_chooses_among_places_that_may_be_held_and_keys_among_all(kernel: Kernel):
    kernel.send(json.dumps({"state": {"first": 1000, "last": 2999, "i": 2999}}))
    kernel.orders()
    kernel.page.get_by_role("slider").hover()
    (asked,) = (order["of"] for order in kernel.orders() if order["do"] == "ahead")
    assert len(asked) < 140 and min(asked) == 1000
    for to in (0.0, 0.111, 0.4, 0.77, 0.993):
        scrub(kernel, to)
        (chosen,) = (order["i"] for order in kernel.orders() if order["do"] == "go")
        assert chosen in asked and abs(chosen - (1000 + 1999 * to)) < 2000 / 60
    scrub(kernel, 1.01)
    assert kernel.page.get_by_role("slider").input_value() == "2999"
    kernel.page.keyboard.press("ArrowLeft")
    assert kernel.orders()[-1]["i"] == 2998
