"""The exported player in a plain page: marks, keys, search, colours, and nothing that axe finds serious."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from matplotlib.image import imread
from playwright.sync_api import Browser, Page

from labkit import Channel, LiveFigure, Tape
from labkit.figure.output import PLAYER
from labkit.figure.script import module
from labkit.lab.lab import Lab
from labkit.lab.scenarios import Echo, echo

FITS = "() => document.documentElement.scrollWidth <= innerWidth"
HELD = """() => [...player.figure.layers].flatMap(({ piece }) =>
  piece.marks.map(mark => [mark.kind, mark.state, mark.fd, mark.value]))"""
AT = "() => [player.frame.i, player.frame.call]"


@pytest.fixture(scope="module")
def tape() -> Tape:
    return echo()


@pytest.fixture(scope="module")
def file(tape: Tape, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = [("eof-spin", None, 5, 6, "it spins")]
    return LiveFigure(tape, findings=found).save(tmp_path_factory.mktemp("player") / "x.html")


@pytest.fixture(params=[(1280, 1, "light"), (640, 2, "dark")], ids=["wide, light", "narrow, dark"])
def page(chromium: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    wide, ratio, scheme = request.param
    yield from opened(chromium, file, {"width": wide, "height": 900}, ratio, scheme)


def opened(
    chromium: Browser, file: Path, size: Any, ratio: float = 1, scheme: Any = "light"
) -> Iterator[Page]:
    context = chromium.new_context(viewport=size, device_scale_factor=ratio, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda each: complaints.append(each.url) if not each.url.startswith("file:") else None)
    page.goto(file.as_uri())
    page.wait_for_function("() => window.player && player.figure.drawing && !player.figure.waiting")
    yield page
    assert complaints == [], "it asks for nothing, and complains of nothing"
    context.close()


def test_it_begins_after_the_call_that_the_figure_showed(
    chromium: Browser, file: Path, tape: Tape, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("LABKIT_PLAYERS", "800")
    kept = LiveFigure(tape).show(0, 0)._repr_mimebundle_()[PLAYER]
    (tmp_path / "x.html").write_text(re.sub(r'(?<=type="text/plain">)[^<]+', kept, file.read_text()))
    for page in opened(chromium, tmp_path / "x.html", {"width": 1280, "height": 900}):
        assert page.evaluate(AT) == [0, 0]
        page.get_by_label("Back and Forward by").select_option("call")
        assert page.evaluate(AT) == [0, 0], "where it stood"
        page.get_by_label("Back and Forward by").select_option("iteration")
        assert page.evaluate(AT) == [0, None]


def test_it_plays_the_tape(page: Page, tape: Tape):
    assert page.evaluate(AT) == [0, None]
    page.get_by_role("button", name="Forward").click()
    assert page.evaluate(AT) == [1, None]
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => player.frame.i >= 3")
    page.get_by_role("button", name="Pause").click()
    page.locator(".lk-sheet").focus()
    page.keyboard.press("End")
    assert page.evaluate(AT) == [len(tape) - 1, None]
    assert page.get_by_role("button", name="Forward").is_disabled()


def test_it_holds_the_marks_that_the_figure_has(page: Page, tape: Tape):
    page.evaluate("player.goTo(3)")
    found = page.evaluate(HELD)
    drawn = LiveFigure(tape, findings=[("eof-spin", None, 5, 6, "it spins")]).draw(3)
    assert found == [[m.kind, m.state, m.fd, m.value] for layer in drawn.layers for m in layer.drawn]


def test_by_call_it_goes_through_the_calls(page: Page, tape: Tape):
    page.get_by_label("Back and Forward by").select_option("call")
    page.evaluate("player.goTo(0)")
    page.get_by_role("button", name="Back").click()
    assert page.evaluate(AT) == [0, len(tape[0].calls) - 1]


def test_it_finds_what_a_reader_looks_for(page: Page, tape: Tape):
    box = page.get_by_label("find", exact=True)
    box.fill("finding")
    box.press("Enter")
    assert page.evaluate(AT) == [5, None]
    page.evaluate("player.goTo(0)")
    box.fill("ALICE closed")
    box.press("Enter")
    (closed,) = (it.index for it in tape if "alice closed" in it.explain())
    assert page.evaluate(AT) == [closed, None]
    box.fill("no such thing")
    box.press("Enter")
    assert "no no such thing" in page.locator(".lk-state").inner_text()


def test_the_keyboard_reaches_every_mark_and_says_why(page: Page):
    page.locator(".lk-sheet").focus()
    said = set()
    for _ in range(12):
        page.keyboard.press("ArrowDown")
        said.add(page.locator(".lk-tip").inner_text())
    assert len(said) > 6
    page.keyboard.press("Escape")
    assert page.locator(".lk-tip").is_hidden()


def test_it_fits_its_page_and_has_the_pages_colours(page: Page):
    assert page.evaluate(FITS)
    ground = page.evaluate("() => player.figure.painter.colours.ground")
    dark = page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches")
    assert page.evaluate("() => player.figure.root.classList.contains('dark')") == dark
    assert ground == page.evaluate("() => getComputedStyle(player.figure.root).backgroundColor")


OUTLINED = """() => {
  const { painter } = player.figure, { pen, scale } = painter;
  const cell = { kind: "cell", state: "asked", event: 1, y: 10, w: 20, h: 15, text: "" };
  const marks = [{ ...cell, x: 10, value: 3 }, { ...cell, x: 40, value: null }];
  painter.paint([{ piece: { marks }, x: 0, y: 0 }]);
  const colour = (x, y) => String(pen.getImageData(x * scale, y * scale, 1, 1).data);
  return marks.map(({ x }) => colour(x + 10, 10.5) !== colour(x + 10, 17));
}"""


def test_low_cells_that_are_drawn_in_one_have_no_outline_of_their_own(page: Page):
    assert page.evaluate(OUTLINED) == [False, True]


LAST = """() => {
  const { figure } = player, { drawing, layers } = figure;
  Object.assign(figure.state, { running: true });
  for (const says of ["one", "the last"]) figure.show({ drawing: { ...drawing, says }, layers });
}"""


def test_the_words_are_those_of_the_last_drawing_though_a_loop_that_runs_falls_asleep_after_it(page: Page):
    page.evaluate(LAST)
    page.wait_for_function("() => player.figure.said.textContent === 'the last'", timeout=5_000)


def test_what_of_the_slider_lies_ahead_is_as_dark_as_the_page(chromium: Browser, file: Path):
    for page in opened(chromium, file, {"width": 900, "height": 800}, scheme="dark"):
        page.evaluate("player.goTo(1)")
        for brand in ("", "#1976d2", "#2196f3"):  # a page's own, JupyterLab's
            page.evaluate("brand => document.body.style.setProperty('--jp-brand-color0', brand)", brand)
            pixels = imread(io.BytesIO(page.get_by_role("slider").screenshot()))
            high, wide, _ = pixels.shape
            assert pixels[high // 2, wide * 3 // 4, :3].max() < 0.6


def test_on_a_phone_the_panels_stand_under_one_another(chromium: Browser, file: Path):
    for page in opened(chromium, file, {"width": 400, "height": 800}):
        assert page.evaluate(FITS)
        boxes = page.evaluate("() => player.figure.drawing.panels.map(({ box }) => box)")
        assert {x for x, *_ in boxes} == {0} and len({y for _, y, *_ in boxes}) == len(boxes) == 4
        edges = """() => { const { w, h } = player.figure.drawing; return [...player.figure.marks()].filter(
          (m => m.x < -1 || m.y < -1 || m.x + m.w > w + 1 || m.y + m.h > h + 1)).length }"""
        assert page.evaluate(edges) == 0, "no mark is outside"
        assert page.evaluate("() => player.figure.fitting") > 0.6, "and not scaled down to nothing"
        page.set_viewport_size({"width": 1000, "height": 800})
        page.wait_for_function("() => player.figure.drawing.w === player.w")


GLIDING = """step => {
  const { figure } = player;
  player.goTo(step - 1);
  Object.assign(figure, { glides: [], lastGlide: -1e9 });
  player.goTo(step);
  return figure.glides.map(({ mark }) => mark.kind);
}"""


class Slow(Channel):
    """Takes four bytes at a time, so that the next four move from the kernel to it in the step after."""

    def handle_read(self) -> None:
        self.read_buffer += self.recv(4)


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_bytes_glide_for_a_moment_unless_the_reader_wants_no_motion(
    chromium: Browser, tmp_path: Path, motion: str
):
    with Lab(Slow) as lab:
        lab.connect("alice").send(b"12345678")
        lab.step(3)
        file = LiveFigure(lab.tape).save(tmp_path / "x.html")
    for page in opened(chromium, file, {"width": 1000, "height": 800}):
        page.emulate_media(reduced_motion=motion)  # type: ignore[arg-type]
        gliding = page.evaluate(GLIDING, 2)
        assert set(gliding) == ({"bytes"} if motion == "no-preference" else set())
        page.wait_for_function("() => !player.figure.glides.length && !player.figure.waiting")
    lasts = re.search(r"const GLIDE = (\d+);", module())
    assert lasts is not None and int(lasts[1]) <= 250, "ms"


def test_full_screen_is_half_as_large_again(page: Page):
    before = page.evaluate("() => getComputedStyle(player.figure.root).fontSize")
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("() => document.fullscreenElement === player.figure.root && player.figure.large")
    page.wait_for_function("() => player.figure.root.classList.contains('large')")
    large = page.evaluate("() => getComputedStyle(player.figure.root).fontSize")
    assert float(large.removesuffix("px")) == pytest.approx(1.5 * float(before.removesuffix("px")))
    page.evaluate("() => document.exitFullscreen()")
    page.wait_for_function("() => !player.figure.root.classList.contains('large')")


def test_axe_finds_nothing(page: Page):
    found = Axe().run(page).response["violations"]
    assert not [(each["id"], each["impact"]) for each in found]


@pytest.mark.parametrize("name", ["<!--<script>", "</script><script>boom()</script>", "\ud800"])
def test_no_name_can_break_it(chromium: Browser, tmp_path: Path, name: str):
    with Lab(Echo) as lab:
        lab.connect(name).send(b"<b>x</b>")
        lab.step(3)
        file = LiveFigure(lab.tape).save(tmp_path / "x.html")
    for page in opened(chromium, file, {"width": 1000, "height": 800}):
        page.evaluate("player.goTo(2)")
        assert page.locator("b, script:not([id=tape]):not([type=module])").count() == 0
