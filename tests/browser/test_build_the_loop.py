"""Notebook 11 in a real JupyterLab, by a reader who has built everything: steps pass, and loops are drawn."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from labkit.teaching.practice_form import every
from tests.teaching.answers import ANSWERS

from .conftest import Open
from .reader import Notebook
from .server import NOTEBOOKS, JupyterLab

pytestmark = pytest.mark.long
NAME = "11-built.ipynb"
STEPS = [each for each in every() if each.kind == "step"]
HELPED = STEPS[3]  # which this reader leaves out, and asks for the reference instead

READ = "__import__('labkit.teaching.progress').teaching.progress.read()"
PASSED = f"[name for name, facts in {READ}['step'].items() if facts['passed']]"


@pytest.fixture(scope="module")
def built(lab: JupyterLab, open_notebook: Open) -> Iterator[Notebook]:
    written = nbformat.read(NOTEBOOKS / "11-build-the-loop.ipynb", as_version=4)
    answers = {step.stub.strip(): (ANSWERS / step.name / "solution.py").read_text("utf-8") for step in STEPS}
    del answers[HELPED.stub.strip()]
    for cell in written.cells:
        cell.source = answers.get(cell.source, cell.source)
        if cell.source == 'start("build-5")':
            cell.source = 'start("build-5", from_reference=True)'
    imports = written.cells[3]
    imports.source = "%env LABKIT_PROGRESS=built.json\n" + imports.source
    nbformat.write(written, lab.folder / NAME)
    notebook = open_notebook(NAME)
    notebook.page.set_viewport_size({"width": 1280, "height": 900})
    yield notebook.run_all(within=200)
    (lab.folder / NAME).unlink()


def test_every_step_passes_but_the_one_that_was_left_out(built: Notebook):
    assert built.errors() == []
    kept = ast.literal_eval(built.ask(PASSED))
    assert kept == [step.name for step in STEPS if step is not HELPED]


def test_each_trial_shows_the_readers_own_loop(built: Notebook):
    for figure in built.figures():
        figure.wait_until(lambda figure=figure: bool(figure.words()), "its first drawing")
        assert figure.trouble() == ""
    assert built.ask("serving.call('ping', 7)") == repr("ping 7 is answered: 7")
    assert built.ask("sorted(rates)") == "['asyncio', 'asyncore', 'labkit', 'yours']"


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_looked_at_in_both_themes(built: Notebook, shots: Path, theme: str):
    built.theme(f"JupyterLab {theme}")
    picture = built.screenshot(shots / f"11-built-{theme.lower()}.png", whole=True)
    assert picture.stat().st_size > 100_000
    assert built.errors() == []
