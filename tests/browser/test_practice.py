"""An exercise and a bug in a real JupyterLab: a wrong answer, its figure, a hint, and the right answer."""

from __future__ import annotations

import random
from collections.abc import Iterator

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from labkit.teaching.bugs_hunt import CLASSES
from tests.bugs.seal import NUMBERS, PLAIN
from tests.teaching.answers import ANSWERS

from .conftest import Open
from .reader import Notebook
from .server import JupyterLab

NAME = "practice.ipynb"
STUB = "\n".join((ANSWERS / "edge-safe-reading" / "wrong_once.py").read_text().splitlines()[1:]).strip()
WRONG = STUB.replace("1024", "1000")  # a stub that nobody changed is not judged
RIGHT = (ANSWERS / "edge-safe-reading" / "solution.py").read_text().strip()
CHECK = 'check("edge-safe-reading", EdgeEcho)'
BUG = NUMBERS["ignored_eof"]
SERVER = random.Random(1).choice(CLASSES)  # as a case with seed 1 names it
HUNTED = [
    f"from labkit.teaching.bugs_hunt import hunt\ncase = hunt({BUG}, seed=1)\ncase",
    "case.name('always writable')",
    "case.name('ignored EOF')",
    "lines = case.source.splitlines()\ncase.line(1 + lines.index('        data = self.socket.recv(1024)'))",
    (PLAIN / "mended" / "ignored_eof.py").read_text().replace("Server", SERVER) + f"\n\ncase.mend({SERVER})",
]


@pytest.fixture(scope="module")
def solving(lab: JupyterLab, open_notebook: Open) -> Iterator[Notebook]:
    cells = ["%env LABKIT_PROGRESS=mine.json\nfrom labkit import check", WRONG, CHECK, RIGHT, CHECK, *HUNTED]
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
    assert "2,000 lie in the receive queue" in told
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
    told = solving.page.locator(".labkit-verdict").nth(1).inner_text()
    assert "5 of 5 points" in told and "Level-triggered means" in told
    assert (
        solving.ask(
            "__import__('labkit.teaching.progress').teaching.progress.read()['exercise']['edge-safe-reading']['passed']"
        )
        == "True"
    )


def test_a_bug_is_met_named_found_and_mended(solving: Notebook):
    met, misnamed, named, found, mended = (output_of(solving, number) for number in range(5, 10))
    assert "a processor is busy, with nobody to serve" in met and "EOF" not in met
    assert "Not “always writable”" in misnamed
    assert "Yes: ignored EOF" in named and "diagnose() says so too" in named
    assert "Yes: line" in found
    assert "5 of 5 points" in mended and "The end is a state, not an event" in mended


def output_of(notebook: Notebook, number: int) -> str:
    """What a code cell shows. JupyterLab renders what is scrolled to."""
    cell = notebook.page.locator(".jp-CodeCell").nth(number)
    cell.scroll_into_view_if_needed()
    output = cell.locator(".jp-OutputArea-child").first
    notebook._until(lambda: bool(output.inner_text().strip()), 10, "the output to be drawn")
    return cell.locator(".jp-OutputArea").first.inner_text()
