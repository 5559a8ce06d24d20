"""The figure elsewhere: matplotlib's live picture, the projector, wide screens, names that are no names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import BrowserContext, Locator

from .reader import PICTURE, Figure, Notebook
from .server import JupyterLab

CELLS = [
    "from labkit import Channel, Lab\n"
    "class Echo(Channel):\n"
    "    def handle_read(self):\n"
    "        data = self.recv(1024)\n"
    "        if b'?' in data: raise ValueError('<img src=x onerror=boom()> \\ud800')\n"
    "        self.write(data)\n"
    "lab = Lab(Echo, buffers=4096)\n"
    "lab.connect('<!--<script>boom()</script>').send(b'<b>hi</b>')",
    "lab.live()",
    "lab.live(printer='matplotlib')",
]


@pytest.fixture(scope="module")
def open_one(context: BrowserContext) -> Iterator[Notebook]:
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(notebook, Path(folder) / "printers.ipynb")
        with JupyterLab(Path(folder)) as lab, Notebook(context.new_page(), lab, "printers.ipynb") as opened:
            yield opened.run_all()


@pytest.fixture
def figure(open_one: Notebook) -> Figure:
    return open_one.figures()[0]


def picture(notebook: Notebook) -> Locator:
    found = notebook.page.locator(PICTURE)
    found.wait_for()
    found.scroll_into_view_if_needed()
    return found


def test_matplotlibs_picture_is_live(open_one: Notebook):
    box = picture(open_one)
    source = "box => box.querySelector('img').src"
    before, tape = box.evaluate(source), open_one.ask("len(lab.tape)")
    box.get_by_role("button", name="Step").click()
    open_one._until(lambda: box.evaluate(source) != before, 20, "another picture")
    assert open_one.ask("len(lab.tape)") == str(int(tape) + 1)
    assert f"Iteration {tape}:" in box.inner_text()


def test_matplotlibs_buttons_are_of_the_peer_that_is_chosen(open_one: Notebook):
    sent = "lab.peers['<!--<script>boom()</script>'].sent"
    before = int(open_one.ask(sent))
    picture(open_one).get_by_role("button", name="Send 1 KB").click()
    open_one._until(lambda: int(open_one.ask(sent)) == before + 1000, 20, "the peer to send")


def test_both_printers_show_the_same_lab(open_one: Notebook, figure: Figure):
    before = int(open_one.ask("len(lab.tape)"))
    figure.press("Step")
    figure.wait_until(lambda: figure.iteration() == before, "a step")
    box = picture(open_one)
    open_one._until(lambda: f"Iteration {before}:" in box.inner_text(), 20, "the other figure to follow")


def test_a_place_that_holds_nothing_has_no_line_in_its_colour(figure: Figure):
    figure.press("Step")
    figure.wait_for_rest()
    empty = figure.marks(kind="bytes", value=0)
    assert len({mark["state"] for mark in empty}) > 1
    assert len({figure.pixel(mark) for mark in empty}) == 1


def test_no_name_bytes_or_error_becomes_html(open_one: Notebook, figure: Figure):
    figure.press("Step")
    open_one.ask("lab.peers['<!--<script>boom()</script>'].send(b'why?')")
    for _ in range(3):
        figure.press("Step")
    figure.wait_until(
        lambda: "ValueError" in open_one.ask("str([it.errors for it in lab.tape])"), "the error"
    )
    figure.wait_for_rest()
    assert open_one.page.locator("img[onerror], .labkit b, .labkit script").count() == 0
    assert open_one.errors() == []


def test_a_projector_gets_text_and_controls_half_as_large_again(figure: Figure):
    step = figure.button("Step").first
    small, wide = step.bounding_box(), figure.box.evaluate("e => e.figure.fitting")
    figure.press("Projector")
    figure.wait_until(lambda: bool(figure.box.evaluate("e => e.figure.fitting > 1.3")), "larger text")
    figure.wait_for_rest()
    large = step.bounding_box()
    assert small is not None and large is not None
    assert large["height"] / small["height"] == pytest.approx(1.5, abs=0.1)
    assert figure.box.evaluate("e => e.figure.fitting") / wide == pytest.approx(1.5, abs=0.1)
    figure.press("Projector")
    figure.wait_until(lambda: bool(figure.box.evaluate("e => e.figure.fitting < 1.1")), "smaller text")


@pytest.mark.parametrize("wide", [1100, 1280, 1920])
def test_it_is_as_wide_as_its_cell(figure: Figure, wide: int):
    figure.page.set_viewport_size({"width": wide, "height": 1000})
    try:
        room = "e => e.parentElement.clientWidth - e.clientWidth"
        drawn = "e => e.figure.wide === e.figure.drawing.w"
        figure.wait_until(lambda: bool(figure.box.evaluate(drawn)), "a drawing for this width")
        figure.wait_for_rest()
        assert figure.box.evaluate(room) <= 2
        assert 0.7 <= figure.box.evaluate("e => e.figure.fitting") <= 1.05
        crisp = "e => Math.abs(e.figure.canvas.width - e.figure.canvas.clientWidth * devicePixelRatio) < 2"
        assert figure.box.evaluate(crisp), "a pixel of the canvas is a pixel of the screen"
    finally:
        figure.page.set_viewport_size({"width": 1400, "height": 1000})


def test_on_a_full_screen_of_a_projector_it_is_as_high_as_there_is_room(figure: Figure):
    """Text and controls are half as large again all the same, and the panels stand in two columns."""
    figure.page.set_viewport_size({"width": 1280, "height": 720})
    rest = "e => e.figure.drawing.w === e.figure.wide && !e.figure.waiting"
    try:
        figure.wait_until(lambda: bool(figure.box.evaluate(rest)), "a drawing for this width")
        small = figure.wait_for_rest()
        figure.press("Full screen")
        figure.wait_until(
            lambda: bool(figure.box.evaluate("e => !!document.fullscreenElement")), "the screen"
        )
        bottom = "e => e.figure.sheet.getBoundingClientRect().bottom"
        figure.wait_until(lambda: figure.box.evaluate(bottom) <= 720, "a drawing that fits the screen")
        assert figure.box.evaluate("e => e.figure.fitting") == pytest.approx(1.5, abs=0.05)
        assert figure.box.evaluate("e => new Set(e.figure.drawing.panels.map(p => p.box[0])).size") == 2
        figure.press("Full screen")
        figure.wait_until(lambda: figure.image() == small, "the figure as it was")
    finally:
        figure.page.set_viewport_size({"width": 1400, "height": 1000})


@pytest.mark.long
def test_notebook_7_shows_it_and_obeys_it(open_one: Notebook):
    """The last of this file: it runs the cells anew, in the other front end."""
    page = open_one.page.context.new_page()
    try:
        page.goto(
            f"{open_one.lab.address}notebooks/{open_one.name}?token={open_one.lab.token}", timeout=60_000
        )
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.click('.lm-MenuBar-item:has-text("Run")')
        page.click('.lm-Menu-item:has(.lm-Menu-itemLabel:text-is("Run All Cells"))')
        said = page.locator(".labkit .lk-said").first
        page.wait_for_function("() => document.querySelector('.labkit')?.figure.painted", timeout=60_000)
        page.get_by_role("button", name="Step", exact=True).first.click()
        page.wait_for_function(
            "() => document.querySelector('.labkit').figure.drawing.i === 0", timeout=20_000
        )
        assert said.inner_text().startswith("Iteration 0:")
        page.wait_for_function("() => document.querySelector('.labkit').figure.canvas.width > 500")
    finally:
        page.close()
