"""An exercise in a real JupyterLab: a wrong answer, its figure, a hint, and the right answer."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.teaching.answers import ANSWERS

from .conftest import Open
from .reader import Notebook
from .server import JupyterLab

NAME = "practice.ipynb"
WRONG = "\n".join((ANSWERS / "edge-safe-reading" / "wrong_once.py").read_text().splitlines()[1:]).strip()
RIGHT = (ANSWERS / "edge-safe-reading" / "solution.py").read_text().strip()
CHECK = 'check("edge-safe-reading", EdgeEcho)'


@pytest.fixture(scope="module")
def solving(lab: JupyterLab, open_notebook: Open) -> Iterator[Notebook]:
    cells = ["%env LABKIT_PROGRESS=mine.json\nfrom labkit import check", WRONG, CHECK, RIGHT, CHECK]
    written = new_notebook(cells=[new_code_cell(each) for each in cells])
    written.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(written, lab.folder / NAME)
    notebook = open_notebook(NAME).run_all()
    assert notebook.errors() == []
    yield notebook
    (lab.folder / NAME).unlink()


def test_a_wrong_answer_is_told_what_happened_and_where(solving: Notebook):
    verdict = solving.page.locator(".labkit-verdict").first
    verdict.evaluate("each => each.scrollIntoView({ block: 'center' })")
    told = verdict.inner_text()
    assert "Of 3,000 bytes none is left lying." in told
    assert "1,976 lie in the receive queue" in told
    assert "iteration 3, where the figure below is opened" in told
    assert "the reference made recv" in told
    assert "Level-triggered means" not in told, "the explanation comes after passing"


def test_hints_come_one_at_a_time_by_keyboard(solving: Notebook):
    button = solving.page.locator("button", has_text="Hint 1 of 3")
    button.evaluate("each => each.scrollIntoView({ block: 'center' })")
    button.focus()
    solving.page.keyboard.press("Enter")
    solving._until(lambda: solving.page.get_by_text("You are told once.").count() > 0, 10, "the first hint")
    assert solving.page.get_by_text("Only when the kernel has said").count() == 0
    solving.page.locator("button", has_text="Hint 2 of 3").focus()
    solving.page.keyboard.press("Enter")
    solving._until(
        lambda: solving.page.get_by_text("Only when the kernel has said").count() > 0, 10, "the second hint"
    )


def test_the_right_answer_passes_and_is_explained(solving: Notebook):
    told = solving.page.locator(".labkit-verdict").last.inner_text()
    assert "5 of 5 points" in told and "Level-triggered means" in told
    assert (
        solving.ask(
            "__import__('labkit.teaching.progress').teaching.progress.read()['exercise']['edge-safe-reading']['passed']"
        )
        == "True"
    )
