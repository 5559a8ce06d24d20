"""Lesson 09 in a real JupyterLab: a figure draws the loop that sends and receives it, while its cell runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .conftest import Open
from .reader import Notebook

NAME = "09-from-asyncore-to-asyncio.ipynb"


@pytest.fixture(scope="module")
def lesson(open_notebook: Open) -> Iterator[Notebook]:
    yield open_notebook(NAME).run_cell("import asyncio, socket, time")


def test_the_notebooks_own_loop_is_drawn_while_the_cell_runs(lesson: Notebook):
    page = lesson.page
    page.locator(".jp-CodeCell", has_text="as itself").first.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    lesson._until(lambda: lesson.progress()["kernel"] == "busy", 10, "the cell to run")
    painted: list[int] = []
    while lesson.progress()["kernel"] == "busy":
        painted.append(lesson.figures()[0].box.evaluate("element => element.figure?.drawing?.i ?? -1"))
        page.wait_for_timeout(100)
    assert lesson.errors() == []
    turns = int(lesson.ask("len(itself)"))
    assert len({i for i in painted if i >= 0}) > 3, "it moved while the cell ran"
    assert painted == sorted(painted) and painted[-1] < turns
    figure = lesson.figures()[0]
    figure.wait_until(lambda: figure.iteration() == turns - 1, "the last turn to be shown")
    assert lesson.ask("itself.about['loop']") == "'asyncio'"
