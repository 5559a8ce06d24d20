"""check() in a real kernel: an answer that is defined in cells, with what it needs from other cells."""

from __future__ import annotations

from typing import Any

import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from tests.teaching.answers import ANSWERS

NEEDS = "from labkit import Channel, check\nCHUNK = 100"
HELPER = "def shouted(line):\n    return line.upper() + END"
END = 'END = b"\\n"'
CLASS = """class Lines(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(CHUNK)
        while END in self.read_buffer:
            line, _, self.read_buffer = self.read_buffer.partition(END)
            self.write(shouted(line))"""
CHECK = 'check("never-block", Lines)'


def run(*cells: str, **options: Any) -> Any:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    NotebookClient(notebook, timeout=60, **options).execute()
    return notebook


def text(cell: Any) -> str:
    return "\n".join(
        "".join(output.get("text", "")) + output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    )


@pytest.mark.slow
def test_an_answer_is_followed_to_what_it_needs():
    shown = text(run(NEEDS, END, HELPER, CLASS, CHECK).cells[-1])
    assert "4 of 4 points" in shown
    assert "A handler that waits for one peer" in shown, "the explanation"


@pytest.mark.slow
def test_the_newest_definition_counts():
    wrong = "class Lines(Channel):\n    def handle_read(self):\n        self.write(self.recv(4096).upper())"
    notebook = run(NEEDS, END, HELPER, wrong, CHECK, CLASS, CHECK)
    assert "Half a line is not answered" in text(notebook.cells[4])
    assert "4 of 4 points" in text(notebook.cells[6])


@pytest.mark.slow
def test_a_failed_check_opens_the_figure_there_and_offers_hints():
    wrong = "class Lines(Channel):\n    def handle_read(self):\n        self.write(self.recv(4096).upper())"
    outputs = run(NEEDS, wrong, CHECK).cells[-1].outputs
    shown = [output.get("data", {}) for output in outputs]
    assert any("labkit-verdict" in data.get("text/html", "") for data in shown)
    assert any("VBox" in data.get("text/plain", "") for data in shown), "the hint button"
    assert any("Iteration" in data.get("text/plain", "") for data in shown), "the figure"
    assert not [output for output in outputs if output.get("name") == "stderr"]


@pytest.mark.slow
def test_a_graded_cell_fails_by_an_assertion_and_shows_nothing(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    graded = run(NEEDS, END, HELPER, CLASS, 'check("never-block", Lines, only="half a line")').cells[-1]
    assert graded.outputs == []
    wrong = "class Lines(Channel):\n    def handle_read(self):\n        self.write(self.recv(4096).upper())"
    with pytest.raises(CellExecutionError, match="AssertionError.*\n*.*half a line"):
        run(NEEDS, wrong, 'check("never-block", Lines, only="half a line")')


@pytest.mark.slow
def test_functions_and_classes_without_methods_have_a_text_too():
    base = "class Base:\n    size = 1000"
    function = (ANSWERS / "read-until-eagain" / "solution.py").read_text().replace("1000", "Base.size")
    cells = ("from labkit import check", base, function, 'check("read-until-eagain", read_all)')
    assert "4 of 4 points" in text(run(*cells).cells[-1])
