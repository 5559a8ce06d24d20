"""Every notebook in a real JupyterLab: opens without a question, runs without an error, its figures move."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Open
from .reader import Figure
from .server import NOTEBOOKS

NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.long  # their cells run without a browser, too, and the first of them in one (test_start_here)
@pytest.mark.parametrize("name", NAMES, ids=[name.removesuffix(".ipynb") for name in NAMES])
def test_runs_and_its_figures_move(open_notebook: Open, shots: Path, name: str):
    with open_notebook(name) as notebook:
        assert notebook.dialogs() == []
        notebook.run_all(within=200)
        assert notebook.errors() == []
        for number, figure in enumerate(notebook.figures(at_least=0)):
            figure.wait_until(lambda figure=figure: bool(figure.words()), "its first drawing")
            figure.uncover()
            if figure.has("Step"):  # else it shows what was recorded elsewhere: there is nothing to step
                moves(figure, number)
        assert notebook.errors() == []
        notebook.screenshot(shots / f"{name.removesuffix('.ipynb')}.png", whole=True)


def moves(figure: Figure, number: int) -> None:
    """Step shows another iteration; Run runs, and Pause ends it."""
    which = f"live figure {number}"
    before = figure.iteration_words()
    figure.press("Step")
    figure.wait_until(lambda: figure.iteration_words() != before, f"Step to move {which}")
    figure.press("Run")
    figure.wait_until(lambda: figure.has("Pause"), f"{which} to run")
    figure.press("Pause")
    figure.wait_until(lambda: figure.has("Run"), f"{which} to pause")
    assert figure.trouble() == ""


def test_there_are_notebooks():
    assert NAMES[0] == "00-start-here.ipynb" and len(NAMES) > 12
