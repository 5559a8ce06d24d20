"""`labkit demo NAME` for a demonstration: a page that holds all it needs, made by the notebook's own cell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.classroom import demos

from ..helpers import ROOT

NOTEBOOKS = ROOT / "notebooks"
NAMES = demos.names(NOTEBOOKS)


def labkit(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "labkit.cli", *arguments],
        capture_output=True, text=True, timeout=100, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_asks_and_shows(name: str, tmp_path: Path):
    file = tmp_path / "page.html"
    done = labkit("demo", name, "--save", str(file))
    assert done.returncode == 0 and not done.stderr, done.stderr
    text = file.read_text()
    demo = demos.read(NOTEBOOKS / "demos" / f"{name}.ipynb")
    assert f"<h1>{demo.title}</h1>" in text and re.search(r'id="ask">[^<]+(<[^@]+)?\?</p>', text)
    assert "await play(" in text or re.search(r"<img [^>]*alt=.", text) or "<table" in text
    assert "@" not in re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r"(src|href)=['\"]?(http|//)", text), "it loads nothing"


@pytest.mark.slow
def test_the_page_is_opened_in_a_browser(tmp_path: Path):
    """A browser that only notes what it was asked to open."""
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho \"$1\" > '{tmp_path / 'opened'}'\n")
    browser.chmod(0o755)
    done = labkit(
        "demo", "blocking-against-non-blocking", BROWSER=f"{browser} %s", XDG_CACHE_HOME=str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    opened = (tmp_path / "opened").read_text().strip()
    assert opened.startswith("file://") and Path(opened.removeprefix("file://")).exists()


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [("--save", "x.png"), ("--selector", "epoll"), ("--at", "3")], ids=str)
def test_a_page_takes_no_options_of_a_scenario(wrong: tuple[str, str]):
    done = labkit("demo", "backpressure", *wrong)
    assert done.returncode == 2 and ".html" in done.stderr


def test_asyncore_is_shown_from_its_first_line_on():
    figure = demos.run(demos.read(NOTEBOOKS / "demos" / "asyncore-line-by-line.ipynb").code)
    try:
        assert figure.position.line == 0 and figure.forward() and figure.position.line == 1
    finally:
        figure.player.close()
        figure.close()


def test_words_of_a_notebook_become_markup_and_nothing_else():
    assert demos._text("`a < b` says *ready* & more") == (
        "<code>a &lt; b</code> says <em>ready</em> &amp; more"
    )
