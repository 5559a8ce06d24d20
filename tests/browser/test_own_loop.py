"""The notebook's own loop, drawn while one of its cells runs: the figure moves on without an answer."""

from __future__ import annotations

import time

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from .conftest import Open
from .server import JupyterLab

NAME = "own.ipynb"
CELLS = (
    "import asyncio\nfrom labkit import LiveFigure, watch",
    "with watch(asyncio.get_running_loop()) as itself:\n"
    '    display(LiveFigure(itself, "fd sets", "time"))\n'
    "    for _ in range(100):\n"
    "        await asyncio.sleep(0.05)",
)
SHOWN = """() => {
    const cells = [...document.querySelectorAll(".jp-CodeCell")];
    const prompt = cells.at(-1)?.querySelector(".jp-InputPrompt")?.textContent ?? "";
    const drawn = [...(cells.at(-1)?.querySelectorAll("*") ?? [])].find(each => each.figure);
    return [prompt.includes("*"), drawn?.figure.state?.last ?? -1];
}"""


def test_the_kernels_own_loop_is_drawn_while_its_cell_runs(lab: JupyterLab, open_notebook: Open):
    written = new_notebook(cells=[new_code_cell(each) for each in CELLS])
    written.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(written, lab.folder / NAME)
    try:
        notebook = open_notebook(NAME)
        notebook.page.click('.lm-MenuBar-item:has-text("Run")')
        notebook.page.click('.lm-Menu-item:has(.lm-Menu-itemLabel:text-is("Run All Cells"))')
        seen, began = [], time.monotonic()
        while time.monotonic() - began < 60 and not (seen and not seen[-1][0] and seen[0][0]):
            shown = notebook.page.evaluate(SHOWN)
            if shown[0] or seen:
                seen.append(shown)
            time.sleep(0.1)
        while_it_ran = {newest for runs, newest in seen if runs and newest >= 0}
        assert len(while_it_ran) > 2, seen
        assert notebook.errors() == []
    finally:
        (lab.folder / NAME).unlink()
