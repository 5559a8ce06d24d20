"""What every lesson is held to, and how one is observed: run as it stands, in a fresh kernel, and then asked.

A lesson's own test file says which rows it teaches and what to ask its kernel at the end, has the checks that
all lessons share by a subclass of `AsItStands`, and asserts what the experiments saw.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from labkit.teaching.questions import lesson as texts_of

from ..helpers import ROOT, RUNS_WITHIN, code_cells, stderr_of

# Jupyter sends large outputs without copying them, and starts a thread to free them when it first does.
BEFORE = """
from zmq.utils.garbage import gc as _zmq_gc; _zmq_gc.start()
import threading as _threading
from labkit import kernel as _kernel
_fds, _threads = _kernel.open_fds(), set(_threading.enumerate())
from labkit.tape.tape import Tape as _Tape
_tapes, _plain_init = [], _Tape.__init__
def _init(self, *args, **kwargs):
    _plain_init(self, *args, **kwargs)
    _tapes.append(self)
_Tape.__init__ = _init
"""
JUDGED = """
import json as _json
from labkit import diagnose as _diagnose
print(_json.dumps([each.rule for tape in _tapes for each in _diagnose(tape)]))
_tapes.clear()
"""
LEFT = """
import gc as _gc, json as _json, os as _os
from labkit.lab.cells import close_all as _close_all
_close_all(); _gc.collect()
def _file(fd):
    try:
        return _os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:  # Jupyter has closed it since we looked
        return "[eventfd]"
_files = [_file(fd) for fd in _kernel.open_fds() - _fds]
# matplotlib keeps its fonts open, and Jupyter an eventfd for each thread that ever sent something
_files = [name for name in _files if not name.endswith((".ttf", ".ttc", ".otf", "[eventfd]"))]
print(_json.dumps(_files + [thread.name for thread in set(_threading.enumerate()) - _threads]))
"""
ASK = """
import json as _json
def _plain(value):
    return value.decode("latin-1") if isinstance(value, bytes) else sorted(value)
{helpers}
print(_json.dumps(dict({ask}), default=_plain))
"""


def rows(*numbers: int | range) -> frozenset[str]:
    """rows(13, range(25, 27)): the rows of docs/facts.md S13, S25 and S26."""
    each = [number for one in numbers for number in ([one] if isinstance(one, int) else one)]
    return frozenset(f"S{number:02}" for number in each)


def named(names: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(**names)


def observe(
    path: Path, ask: str, helpers: str = "", *, inner: Callable[[dict[str, Any]], Any] = named
) -> SimpleNamespace:
    """Run the notebook, then evaluate `ask` there: keyword arguments whose values JSON can carry.

    `helpers` is code that runs before `ask`: functions that it calls, or a `_plain(value)` of its own for
    values that JSON does not know. A dict in a dict comes back as `inner` makes it: with names for keys, or
    with inner=dict as a dict. Of the result, `left_behind` is what stayed open once every lab was
    closed, `stderr` what the cells wrote there, `ill` how often which rule spoke on all their tapes,
    `notebook` the lesson with its outputs.
    """
    notebook = nbformat.read(path, as_version=4)
    asked = new_code_cell(ASK.replace("{helpers}", helpers).replace("{ask}", ask))
    judged, left = new_code_cell(JUDGED), new_code_cell(LEFT)
    lesson = list(notebook.cells)
    notebook.cells = [new_code_cell(BEFORE), *lesson, asked, judged, left]
    execute(notebook, path.parent)
    seen = SimpleNamespace(
        **{
            name: json.loads(json.dumps(value), object_hook=inner)
            for name, value in json.loads(printed(asked)).items()
        }
    )
    notebook.cells = lesson
    seen.notebook = notebook
    seen.left_behind, seen.stderr = json.loads(printed(left)), stderr_of(notebook)
    seen.ill = Counter(json.loads(printed(judged)))
    return seen


def backwards_and_twice(path: Path) -> tuple[set[str], list[str]]:
    """Run the cells backwards, then forwards: the kinds of errors that were raised, and what stayed open."""
    notebook = nbformat.read(path, as_version=4)
    imports, *cells = code_cells(notebook)
    again = [new_code_cell(cell.source) for cell in [*reversed(cells), *cells]]
    left = new_code_cell(LEFT)
    notebook.cells = [new_code_cell(BEFORE), imports, *again, left]
    execute(notebook, path.parent, allow_errors=True)
    errors = {output.ename for cell in again for output in cell.outputs if output.output_type == "error"}
    return errors, json.loads(printed(left))


def hold_outputs(notebook: nbformat.NotebookNode, number: str) -> None:
    """No output is a raw value, and every prediction is settled by what the run did: lesson `number`."""
    outputs = [(cell, output) for cell in code_cells(notebook) for output in cell.outputs]
    for cell, output in outputs:
        if output.output_type == "execute_result" and set(output.data) == {"text/plain"}:
            assert not output.data["text/plain"].startswith(("{", "[", "(")), cell.source
        page = output.get("data", {}).get("text/html", "")
        assert "<pre>&#x27;" not in page, f"a sentence in quotes:\n{cell.source}"
    kind = "application/vnd.labkit.prediction+json"
    cards = [output.data[kind] for _, output in outputs if kind in output.get("data", {})]
    questions = {card["id"] for card in cards if card["part"] == "question"}
    answers = {card["id"]: card for card in cards if card["part"] == "answer"}
    assert questions == answers.keys()
    for id, card in answers.items():
        assert card["ran"] and not card["told"], id
        if card["kind"] == "choices":
            value = card["settled"]["value"]
            assert value in card["options"], f"{id}: the run did what no choice names"
            assert value not in texts_of(number)[id].wrong, (
                f"{id}: the run did what its texts call a misconception"
            )


def curve(measured: SimpleNamespace, name: str) -> dict[int, float]:
    """One curve of a sweep that was asked for as {"values": {name: [[size, value], …]}}."""
    return dict(map(tuple, vars(measured.values)[name]))


def growth(values: dict[int, float], first: int, last: int) -> float:
    """How many times dearer the last size is than the first; sizes that were not reached are left out."""
    known = [size for size in values if first <= size <= last]
    return values[max(known)] / values[min(known)]


def execute(notebook: nbformat.NotebookNode, folder: Path, *, allow_errors: bool = False) -> None:
    """Run every cell in a fresh kernel that works in `folder`; a cell may take RUNS_WITHIN seconds."""
    client = NotebookClient(
        notebook,
        timeout=RUNS_WITHIN,
        allow_errors=allow_errors,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})


def printed(cell: nbformat.NotebookNode) -> str:
    """What the cell wrote on stdout."""
    return "".join(output.get("text", "") for output in cell.outputs if output.get("name") == "stdout")


def the_lesson(test):
    """Mark a test that looks at a lesson's run: it needs a whole notebook."""
    return pytest.mark.notebook(pytest.mark.timeout(4 * RUNS_WITHIN)(test))


class AsItStands:
    """The checks that all lessons share: a subclass says `lesson` and `rows`, its module makes `seen`."""

    lesson: ClassVar[Path]
    rows: ClassVar[Iterable[str]]
    ill: ClassVar[dict[str, int]] = {}  # rules of diagnose, and how many of its servers are ill that way

    def test_every_row_of_the_lesson_is_taught_by_an_experiment(self):
        missing = sorted(set(self.rows) - {row for cell in experiments(self.lesson) for row in taught(cell)})
        assert not missing, f"no code cell of {self.lesson.name} says that it teaches {missing}"

    def test_every_row_of_the_lesson_is_asserted_by_a_test(self):
        """A tag alone teaches nothing: a test must name the row, in its name or behind it."""
        tests = Path(__file__).with_name(f"test_lesson_{self.lesson.name[:2]}.py").read_text("utf-8")
        told = {
            row.upper() for line in re.findall(r"^ *def test_.*", tests, re.M) for row in ROW.findall(line)
        }
        missing = sorted(set(self.rows) - told - ONLY_DOCUMENTED)
        assert not missing, f"no test in tests/lessons asserts {missing}"

    def test_every_row_is_predicted_before_its_first_experiment(self):
        cells = nbformat.read(self.lesson, as_version=4).cells
        known: set[str] = set()
        for at, cell in enumerate(cells):
            if not taught(cell) <= known:
                assert predicted(cells[:at]), f"nothing asks what the reader expects of:\n{cell.source}"
            known |= taught(cell)

    @the_lesson
    def test_it_leaves_nothing_behind_and_says_nothing_on_stderr(self, seen):
        assert not seen.left_behind
        assert not seen.stderr

    @the_lesson
    def test_nothing_is_found_on_the_tapes_of_its_good_servers(self, seen):
        assert seen.ill <= Counter(self.ill)  # what rests on times may be missed on a busy machine

    @the_lesson
    def test_no_output_is_a_raw_value_and_every_prediction_is_settled(self, seen):
        assert all(cell.execution_count for cell in code_cells(seen.notebook))
        hold_outputs(seen.notebook, self.lesson.name[:2])


# macOS and kqueue: taught as their documents say, run by nobody here.
ONLY_DOCUMENTED = {"S66"}

ROW = re.compile(r"(?:\b|_)([sS]\d\d)(?=_|\b)")


def taught(cell: nbformat.NotebookNode) -> set[str]:
    """The rows that a cell says it teaches."""
    return set(cell.metadata.get("labkit", {}).get("teaches", []))


def experiments(path: Path) -> list[nbformat.NotebookNode]:
    """The code cells of a notebook that say which rows they teach."""
    return [cell for cell in code_cells(nbformat.read(path, as_version=4)) if taught(cell)]


def predicted(before: list[nbformat.NotebookNode]) -> bool:
    """Whether the section that ends here asks for a prediction, in its prose or by a cell of its own."""
    for cell in reversed(before):
        if "**Predict" in cell.source or re.search(r"\bpredict\(", cell.source):
            return True
        if cell.cell_type == "markdown" and re.match(r"## ", cell.source):
            return False
    return False
