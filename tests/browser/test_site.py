"""The site in Chromium, from a server and from files: players scrub, predictions lock, and nothing leaves.

Two lessons are built, by the code that builds them all. What they did is read in the executed notebooks.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page

from labkit.teaching import questions
from labkit.teaching.answers import Choices, Kind, Number, Order

from .reader import MARKS

pytest.importorskip("myst_parser", reason="what builds the site is not installed for this Python")
from website.__main__ import build
from website.veil import CARD

NAMES = ["00-start-here", "02-busy-polling-and-select"]
PAGES = ["index", *NAMES]
# In the page: what would be fetched from elsewhere, in attributes and in styles.
FETCHED = re.compile(
    r"""<(?:script|link|img|iframe|source)[^>]*(?:src|href)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//|@import"""
)
PLAYS = "() => [...document.querySelectorAll('.site-player')].some(place => place.player)"


class Site(NamedTuple):
    """The site of two lessons: its files, where a server has them, and the executed notebooks' cards."""

    files: Path
    server: str
    asked: dict[str, list[dict[str, Any]]]
    settled: dict[str, dict[str, Any]]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    out = tmp_path_factory.mktemp("site")
    html = build(out, NAMES)
    cards = {name: list(cards_of(out / "executed" / f"{name}.ipynb")) for name in NAMES}
    asked = {name: [card for card in each if card["part"] == "question"] for name, each in cards.items()}
    settled = {
        card["id"]: card["settled"] for each in cards.values() for card in each if card["part"] == "answer"
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=html))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(html, f"http://127.0.0.1:{server.server_port}", asked, settled)
    server.shutdown()
    server.server_close()
    thread.join(10)


def cards_of(notebook: Path) -> Iterator[dict[str, Any]]:
    for cell in nbformat.read(notebook, as_version=4).cells:
        for output in cell.get("outputs", []):
            if CARD in output.get("data", {}):
                yield output.data[CARD]


# The same pages without a server take as long again.
@pytest.fixture(params=["http", pytest.param("file", marks=pytest.mark.long)])
def page(chromium: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that lets nothing leave the site, and fails the test that tried, or that made it complain."""
    origin = site.server if request.param == "http" else site.files.as_uri()
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, base_url=f"{origin}/")
    left: list[str] = []

    def guard(route: Any) -> None:
        if route.request.url.startswith((origin, "data:")):
            route.continue_()
        else:
            left.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: left.append(str(error)))
    page.on("console", lambda message: left.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert left == [], "it asks for nothing elsewhere, and complains of nothing"


def test_nothing_in_the_files_would_be_fetched_from_elsewhere(site: Site):
    for file in site.files.rglob("*"):
        if file.suffix in (".html", ".css"):
            assert not FETCHED.findall(file.read_text(encoding="utf-8")), file.name


# ---- players -------------------------------------------------------------------------------------------


def test_a_player_scrubs_through_what_the_tape_holds(page: Page):
    open_page(page, NAMES[0])
    place = page.locator(".site-player").first
    place.scroll_into_view_if_needed()
    page.wait_for_function(PLAYS)
    figure, slider = place.locator(".labkit"), place.get_by_label("iteration", exact=True)
    before = pixels(figure)
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")  # alice sent 11 bytes, and the server takes 8 of them
    assert bytes_at(figure) == {"recv_queue": 3, "read_buffer": 8}
    assert pixels(figure) != before
    page.keyboard.press("ArrowRight")  # the other 3, and no end of the line
    assert bytes_at(figure) == {"read_buffer": 11}
    place.get_by_role("button", name="Back").click()
    assert bytes_at(figure) == {"recv_queue": 3, "read_buffer": 8}


def test_an_answer_shows_its_iteration_in_the_figure(page: Page, site: Site):
    open_page(page, NAMES[0])
    revealed = page.locator("[data-revealed='00-questions']")
    revealed.get_by_role("button", name="Show me").click()
    at = site.settled["00-questions"]["at"]
    place = page.locator(".site-player:visible").nth(1)
    place.scroll_into_view_if_needed()
    page.wait_for_function("place => place.player", arg=place.element_handle())
    place.evaluate("place => place.player.goTo(0)")
    revealed.get_by_role("button", name=f"Show iteration {at}").click()
    page.wait_for_function(f"place => place.player.frame.i === {at}", arg=place.element_handle())


def bytes_at(figure: Locator) -> dict[str, int]:
    """How many bytes stand in each place that holds some, in the iteration that is shown."""
    held = [mark for mark in figure.evaluate(MARKS) if mark["kind"] == "bytes" and mark["value"]]
    return {mark["state"]: mark["value"] for mark in held}


def pixels(figure: Locator) -> str:
    rests = "element => !element.figure.waiting && !element.figure.glides.length"
    figure.page.wait_for_function(rests, arg=figure.element_handle())
    return str(figure.evaluate("element => element.querySelector('canvas').toDataURL()"))


# ---- predictions ---------------------------------------------------------------------------------------


def test_nothing_answers_before_it_is_locked(page: Page, site: Site):
    for name in NAMES:
        open_page(page, name)
        seen = words(page.locator("main").inner_text())
        assert page.locator(".site-veiled:visible").count() == 0
        for card in site.asked[name]:
            reason = words(site.settled[card["id"]]["reason"])
            assert not reason or reason not in seen, card["id"]


def test_every_prediction_is_judged_as_a_kernel_judges_it(page: Page, site: Site):
    kinds = set()
    for name in NAMES:
        open_page(page, name)
        for card in site.asked[name]:
            form = page.locator(f'form[data-question="{card["id"]}"]')
            answer = locked(form, card)
            said = words(page.locator(f"[data-revealed='{card['id']}']").inner_text())
            kind, settled = kind_of(card), site.settled[card["id"]]
            right = kind.right(answer, settled["value"])
            assert ("✓ As you said." if right else "✗ Not as you said.") in said, card["id"]
            assert words(kind.words(answer)) in said and words(settled["seen"]) in said, card["id"]
            assert words(settled["reason"]) in said, card["id"]
            told = questions.told(card["id"]).wrong
            assert right or words(kind.misconception(answer, settled["value"], told)) in said, card["id"]
            kinds.add(card["kind"])
        assert page.locator(".site-sealed:visible").count() == 0
    assert kinds == {"choices", "number", "order"}


def locked(form: Locator, card: dict[str, Any]) -> Any:
    """Lock the last choice in, or the number 11, or the items as they stand; by keyboard alone."""
    form.locator("input:not([disabled]), button").first.focus()
    keys = form.page.keyboard
    if card["kind"] == "choices":
        keys.press(chr(ord("A") + len(card["options"]) - 1))
        keys.press("Enter")
        return card["options"][-1]
    if card["kind"] == "number":
        keys.type("11")
        keys.press("Enter")
        return 11
    form.get_by_role("button", name="Lock in").focus()
    keys.press("Enter")
    return card["options"]


def kind_of(card: dict[str, Any]) -> Kind:
    if card["kind"] == "choices":
        return Choices(tuple(card["options"]))
    return Number(card["unit"], card["factor"]) if card["kind"] == "number" else Order(tuple(card["options"]))


def test_what_was_locked_is_there_again_and_can_be_answered_anew(page: Page, site: Site):
    open_page(page, NAMES[0])
    id = site.asked[NAMES[0]][0]["id"]
    form, revealed = page.locator(f'form[data-question="{id}"]'), page.locator(f"[data-revealed='{id}']")
    form.locator("input").fill("many")
    page.keyboard.press("Enter")
    assert "is no number" in form.get_by_role("alert").inner_text()
    form.locator("input").fill("8")
    page.keyboard.press("Enter")
    page.reload()
    assert "You predicted" in revealed.inner_text()
    form.get_by_role("button", name="Answer anew").click()
    assert "This run did" not in revealed.inner_text()
    revealed.get_by_role("button", name="Show me").click()
    assert "You predicted" not in revealed.inner_text() and "This run did" in revealed.inner_text()
    assert "Shown without a prediction." in form.inner_text()


def test_without_scripts_the_answers_are_folded_and_the_pictures_there(chromium: Browser, site: Site):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.server}/{NAMES[0]}.html")
    assert page.locator(".site-card details, details.site-veiled").count() > 10
    assert page.locator(".site-card details[open], details.site-veiled[open]").count() == 0
    assert page.locator(".site-player img").first.is_visible()
    context.close()


# ---- pages ---------------------------------------------------------------------------------------------


def test_the_search_finds_a_lesson(page: Page):
    open_page(page, "index")
    page.get_by_role("searchbox").fill("backpressure")
    page.keyboard.press("Enter")
    page.locator("#search-results a").first.wait_for()
    found = page.locator("#search-results a").evaluate_all("links => links.map(a => a.href)")
    assert any(NAMES[1] in each for each in found)


def test_every_picture_has_words_and_every_link_its_page(page: Page, site: Site):
    for name in PAGES:
        open_page(page, name)
        alts = page.locator("img").evaluate_all("all => all.map(img => img.alt)")
        assert all(alts), name
        links = page.locator("main a, nav a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        for link in links:
            file, _, anchor = link.partition("#")
            if "://" in file:
                continue
            there = site.files / (file or f"{name}.html")
            assert there.is_file(), link
            assert not anchor or f'id="{anchor}"' in there.read_text(encoding="utf-8"), link


@pytest.mark.long
@pytest.mark.parametrize(("wide", "scheme"), [(1280, "light"), (375, "dark")])
def test_it_fits_every_screen_and_axe_finds_nothing_serious(
    chromium: Browser, site: Site, wide: int, scheme: Any
):
    context = chromium.new_context(viewport={"width": wide, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    for name in PAGES[:2]:
        page.goto(f"{site.server}/{name}.html")
        for button in page.get_by_role("button", name="Show me").all():
            if button.is_visible():
                button.click()
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), name
        found = Axe().run(page).response["violations"]
        assert not [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in SERIOUS]
    page.goto(f"{site.server}/{NAMES[1]}.html")
    charts = page.locator(".labkit-chart").evaluate_all("all => all.map(e => getComputedStyle(e).filter)")
    assert charts and all((each == "none") == (scheme == "light") for each in charts)
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    context.close()


SERIOUS = ("serious", "critical")


def open_page(page: Page, name: str) -> None:
    page.goto(f"{name}.html")


def words(text: str) -> str:
    """Text as it is read: without the marks of code and emphasis, with single spaces."""
    return " ".join(re.sub(r"[`*]", "", text).split())
