"""One JupyterLab and one Chromium for all browser tests of a session, and a page that complains for itself.

Where no browser can be had the tests are skipped, and say why; with CI=true they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from .chromium import find_or_install
from .reader import Notebook, start_chromium
from .server import JupyterLab

HERE = Path(__file__).parent
Open = Callable[[str], Notebook]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [each.longrepr for each in terminalreporter.stats.get("skipped", [])]  # by any worker
    reason = next((words for _, _, words in skipped if NO_BROWSER in words), "").partition(NO_BROWSER)[2]
    if reason:
        line = f"THE BROWSER TESTS WERE SKIPPED: {reason}. Nothing was tested in JupyterLab."
        terminalreporter.write_sep("!", "no browser", red=True, bold=True)
        terminalreporter.write_line(line, red=True, bold=True)


NO_BROWSER = "no browser: "


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = find_or_install()
    if found.path is None:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(f"CI must run the browser tests, and there is {found.reason}", pytrace=False)
        pytest.skip(NO_BROWSER + found.reason)
    with sync_playwright() as playwright:
        browser = start_chromium(playwright, found.path)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    yield context
    context.close()


@pytest.fixture(scope="session")
def lab(chromium: Browser) -> Iterator[JupyterLab]:
    with JupyterLab() as lab:
        yield lab


@pytest.fixture(scope="module")
def open_notebook(lab: JupyterLab, context: BrowserContext) -> Iterator[Open]:
    """Open a notebook by its file name; all pages are closed and all kernels ended after the module."""
    opened: list[Notebook] = []

    def open_it(name: str) -> Notebook:
        opened.append(Notebook(context.new_page(), lab, name))
        return opened[-1]

    yield open_it
    for notebook in opened:
        notebook.close()


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where screenshots go: $SHOTS, or tests/browser/artifacts."""
    folder = Path(os.environ.get("SHOTS") or HERE / "artifacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
