"""An hour as INSTRUCTOR.md tells it: its own cells in JupyterLab, thirty phones, and one that is seen."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ..helpers import NOTEBOOKS, ROOT
from .reader import Notebook
from .server import JupyterLab

PHONES = 30
LESSON = next(path for path in NOTEBOOKS if path.name.startswith("02"))
SAYS_SO = 20_000  # milliseconds


def taught() -> list[str]:
    """The cells of *The class is the load* in INSTRUCTOR.md, in their order."""
    text = (ROOT / "INSTRUCTOR.md").read_text(encoding="utf-8").partition("## The class is the load")[2]
    return re.findall(r"```python\n(.*?)```", text.partition("\n## ")[0], re.DOTALL)


def lesson() -> list[str]:
    """Lesson 2: what it imports, the cell that asks `02-lists`, and the one that runs it."""
    code = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells if cell.cell_type == "code"]
    at = next(number for number, source in enumerate(code) if '"02-lists"' in source)
    return [code[0], code[at], code[at + 1]]


@contextmanager
def simulated(url: str, code: str) -> Iterator[None]:
    """Phones in a process of their own; they vote as soon as they are asked, each as it likes."""
    command = [sys.executable, "-m", "labkit.classroom.phones", url, code, str(PHONES), "2"]
    phones = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert phones.stdout is not None and phones.stdout.readline(), "the phones could not join"
        yield
        phones.communicate(timeout=30)
    finally:
        phones.kill()
        phones.wait()


@pytest.mark.long
def test_an_hour_is_taught_from_the_instructor_s_page(
    chromium: Browser, context: BrowserContext, lab: JupyterLab, shots: Path
):
    wall, figure, ask, run, predicted = taught()
    imports, question, experiment = lesson()
    notebook = nbformat.read(LESSON, as_version=4)
    cells = [imports, wall, figure, ask, run, question, predicted, experiment, "room.close()"]
    notebook.cells = [new_code_cell(source) for source in cells]
    nbformat.write(notebook, lab.folder / "an-hour.ipynb")
    pocket = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    with Notebook(context.new_page(), lab, "an-hour.ipynb") as teacher:
        for cell in (imports, wall, figure):
            teacher.run_cell(first_line(cell))
        url, code = ast.literal_eval(teacher.ask("[room.url, room.code]"))
        with simulated(url, code):
            phone = joined(pocket.new_page(), url, code)
            on_wall(teacher, f"{PHONES + 1} here")
            assert len(teacher.figures()) == 1
            vote(teacher, phone, ask, "everybody")
            teacher.screenshot(shots / "hour-wall.png")
            teacher.run_cell(first_line(run))
            expect(phone.get_by_role("status")).to_contain_text("It was: everybody", timeout=SAYS_SO)
            teacher.run_cell(first_line(question))
            vote(teacher, phone, predicted, "here readable, both writable")
            teacher.page.get_by_role("button", name="What the run did").click()
            on_wall(teacher, "02-lists has not run yet")
            teacher.run_cell(first_line(experiment))
            teacher.page.get_by_role("button", name="What the run did").click()
            expect(phone.get_by_role("status")).to_contain_text("It was: here readable", timeout=SAYS_SO)
            on_wall(teacher, "✓")
            phone.screenshot(path=shots / "hour-phone.png")
            teacher.screenshot(shots / "hour-revealed.png")
        teacher.run_cell("room.close()")
        on_wall(teacher, "The class is over.")
        assert teacher.errors() == []
    pocket.close()


def joined(phone: Page, url: str, code: str) -> Page:
    phone.goto(url)
    phone.get_by_label("Code on the wall").fill(code)
    phone.get_by_label("Your name").fill("Ann")
    phone.get_by_role("button", name="Join").tap()
    expect(phone.get_by_role("heading", name="You are Ann")).to_be_visible(timeout=SAYS_SO)
    return phone


def vote(teacher: Notebook, phone: Page, cell: str, choice: str) -> None:
    """Ask, let everybody vote, close it; and once more. Nothing of the votes is on the wall meanwhile."""
    teacher.run_cell(first_line(cell))
    for again in ("", " again"):
        if again:
            teacher.page.get_by_role("button", name="Vote again").click()
        phone.get_by_role("button", name=choice).tap(timeout=SAYS_SO)
        on_wall(teacher, f"{PHONES + 1} of {PHONES + 1} have voted{again}.")
        assert teacher.page.locator(".widget-html table").count() == 0
        teacher.page.get_by_role("button", name="Close the vote").click()
        expect(teacher.page.locator(".widget-html table").first).to_be_visible(timeout=SAYS_SO)


def on_wall(teacher: Notebook, words: str) -> None:
    expect(teacher.page.locator(".widget-html").first).to_contain_text(words, timeout=SAYS_SO)


def first_line(cell: str) -> str:
    return max(cell.splitlines()[:6], key=len).partition("#")[0].strip()[:60]
