"""A demonstration as a page, by keyboard only: the arrow keys go on, F takes the whole screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from labkit.classroom import demos

from ..helpers import ROOT

AT = "() => [player.frame.i, player.frame.line]"
FITS = "() => document.documentElement.scrollWidth <= innerWidth && scrollY === 0"


@pytest.mark.parametrize("name", ["backpressure", "asyncore-line-by-line"])
def test_a_demonstration_is_shown_by_keyboard_alone(
    chromium: Browser, name: str, tmp_path: Path, shots: Path
):
    file = tmp_path / f"{name}.html"
    file.write_text(demos.page(demos.read(ROOT / "notebooks" / "demos" / f"{name}.ipynb")))
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_function(
        "() => window.player?.figure.drawing && document.activeElement === player.figure.sheet"
    )
    before = page.evaluate(AT)
    page.keyboard.press("ArrowRight")
    after = page.evaluate(AT)
    assert after == ([before[0], before[1] + 1] if "line" in name else [before[0] + 1, None])
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(AT) == before
    assert page.evaluate(FITS)
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement === document.documentElement")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(AT) == after
    page.screenshot(path=shots / f"demo-{name}.png")
    page.keyboard.press("F")
    page.wait_for_function("() => !document.fullscreenElement")
    found = [
        each["id"]
        for each in Axe().run(page).response["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert not found and not complaints
    context.close()
