"""The house keeps its order: a file of labkit imports from the floors below it, and what belongs there.

The imports are read, not run: at the top of a file and inside its functions alike, and also those
that only a type checker sees.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

LABKIT = Path(__file__).resolve().parents[1] / "labkit"

# The rooms of labkit, from the ground up: a file imports only from rooms above its own in this list.
ROOMS = (
    "kernel", "loop", "rpc", "tape", "record", "watching", "diagnosis", "measure", "lab", "trace", "charts",
    "figure", "teaching", "course", "classroom",
    "__init__",  # the front door: what a notebook names
    "cli",
)  # fmt: skip
FLOORS = {room: floor for floor, room in enumerate(ROOMS)}
FOLDERS = {path.name for path in LABKIT.iterdir() if path.is_dir()}

# `lab.live()` opens a figure, which knows the lab: it goes out by the front door, when it is called.
BY_THE_FRONT_DOOR = {"lab/lab.py"}

# Figures draw tapes, whoever wrote them: only these files know that there is a lab.
HIDDEN_FROM_FIGURES = {"lab", "loop", "measure", "record", "rpc", "watching"}
KNOW_A_LAB = {"figure/controls.py", "figure/live.py", "figure/live_sweep.py"}

ONLY_IN = {
    "matplotlib": {"charts", "figure/agg.py"},
    "numpy": {"charts", "figure/agg.py"},
    "ipywidgets": {"figure", "teaching", "classroom"},
    "anywidget": {"figure", "teaching", "classroom"},
    "jupyter_server": {"figure/prompt.py"},
}


class Import(NamedTuple):
    path: Path  # the file that imports
    line: int
    name: str  # what it imports, in full: "labkit.tape.tape", "numpy.linalg"

    @property
    def where(self) -> str:
        return f"{self.path.relative_to(LABKIT.parent)}:{self.line}"


def test_every_room_has_a_floor():
    rooms = {room_of(path) for path in files()}
    homeless = sorted(rooms - FLOORS.keys())
    assert not homeless, f"say in ROOMS where these belong: {homeless}"
    gone = sorted(FLOORS.keys() - rooms)
    assert not gone, f"in ROOMS, and nowhere in labkit: {gone}"
    empty = [name for name in FOLDERS - {"__pycache__"} if not list((LABKIT / name).glob("*.py"))]
    assert not empty, f"folders without a file of code: {empty}"


def test_every_room_says_what_it_is_and_what_it_must_not_know():
    """A folder's first docstring is its one idea: two sentences at least."""
    for room in ROOMS:
        path = LABKIT / f"{room}.py"
        path = path if path.exists() else LABKIT / room / "__init__.py"
        told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert told and (path.name != "__init__.py" or room == "__init__" or len(told.split()) >= 12), room


def test_nothing_imports_upward():
    upward = []
    for each in inner():
        here, there = room_of(each.path), room_named(each.name)
        if here == there and (here in FOLDERS or here == "__init__"):
            continue  # the files of one room know each other; but not in a circle
        if there == "__init__" and place_of(each.path) in BY_THE_FRONT_DOOR:
            continue
        if FLOORS.get(there, 0) >= FLOORS.get(here, len(FLOORS)):
            upward.append(f"{each.where}: {here} must not know {there}, and imports {each.name}")
    assert not upward, "\n".join(upward)


def test_no_files_import_each_other_in_a_circle():
    knows = {module_of(path): set[str]() for path in files()}
    for each in inner():
        target = each.name if each.name in knows else each.name.rpartition(".")[0]
        if target in knows and target not in ("labkit", module_of(each.path)):
            knows[module_of(each.path)].add(target)
    left = dict(knows)
    while free := [module for module, others in left.items() if not others & left.keys()]:
        for module in free:
            del left[module]
    circle = [each for each in inner() if module_of(each.path) in left and each.name in left]
    assert not left, "in a circle: " + "; ".join(f"{each.where} imports {each.name}" for each in circle)


def test_figures_know_tapes_and_never_labs():
    told = [each for each in inner() if room_of(each.path) == "figure"]
    wrong = [
        f"{each.where}: {each.name}"
        for each in told
        if room_named(each.name) in HIDDEN_FROM_FIGURES and place_of(each.path) not in KNOW_A_LAB
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("library", ONLY_IN)
def test_only_a_few_rooms_use(library: str):
    wrong = [
        each.where
        for each in imports()
        if each.name.split(".")[0] == library
        and not {room_of(each.path), place_of(each.path)} & ONLY_IN[library]
    ]
    assert not wrong, f"{library} belongs in {sorted(ONLY_IN[library])} only:\n" + "\n".join(wrong)


def test_import_labkit_loads_the_standard_library_only():
    script = (
        "import sys; before = set(sys.modules); import labkit; import json;"
        "print(json.dumps(sorted({name.split('.')[0] for name in set(sys.modules) - before})))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=LABKIT.parent, capture_output=True, text=True, check=True
    )
    loaded_by_python = {"_missing_stdlib_info"}  # from 3.15 on, and not in its own list
    allowed = set(sys.stdlib_module_names) | loaded_by_python
    assert set(json.loads(loaded.stdout)) - allowed == {"labkit"}


def test_the_reader_of_imports_sees_what_it_should(tmp_path: Path):
    source = (
        "from __future__ import annotations\n"
        "import numpy.linalg as la\n"
        "from labkit import tape, Lab\n"
        "from .kernel import limits\n"
        "from . import loop\n"
        "if TYPE_CHECKING:\n    import matplotlib\n"
        "def f():\n    import labkit.lab.lab\n"
    )
    names = {each.name for each in imports_in(LABKIT / "new.py", source)}
    assert names == {
        "__future__", "matplotlib", "numpy.linalg",
        "labkit.Lab", "labkit.kernel", "labkit.lab.lab", "labkit.loop", "labkit.tape",
    }  # fmt: skip
    assert room_named("labkit.Lab") == room_named("labkit") == "__init__"
    assert room_named("labkit.figure.theme") == "figure"
    assert {each.name for each in imports_in(LABKIT / "figure" / "new.py", "from ..tape import Tape")} == {
        "labkit.tape"
    }
    assert {each.name for each in imports_in(LABKIT / "figure" / "__init__.py", "from .time import T")} == {
        "labkit.figure.time"
    }


# ---- reading ---------------------------------------------------------------------------------------------


def files() -> list[Path]:
    return sorted(LABKIT.rglob("*.py"))


def room_of(path: Path) -> str:
    """The file's name in labkit, or the folder it is in: figures/theme.py is in figures."""
    return path.relative_to(LABKIT).parts[0].removesuffix(".py")


def place_of(path: Path) -> str:
    """The file, as the lists above name it: figure/agg.py."""
    return path.relative_to(LABKIT).as_posix()


def module_of(path: Path) -> str:
    """The module that a file is: labkit.tape.tape; of a folder's __init__.py, labkit.tape."""
    return ".".join(["labkit", *path.relative_to(LABKIT).with_suffix("").parts]).removesuffix(".__init__")


def room_named(name: str) -> str:
    """The room of `labkit.…`: labkit.charts.theme is in figures; labkit.Lab is at the front door."""
    parts = name.split(".")
    room = parts[1] if len(parts) > 1 else "__init__"
    known = room in FLOORS or (LABKIT / room).is_dir() or (LABKIT / f"{room}.py").exists()
    return room if known else "__init__"


def inner() -> Iterator[Import]:
    """What labkit imports of itself."""
    return (each for each in imports() if each.name.split(".")[0] == "labkit")


@cache
def imports() -> tuple[Import, ...]:
    return tuple(each for path in files() for each in imports_in(path, path.read_text(encoding="utf-8")))


def imports_in(path: Path, source: str) -> Iterator[Import]:
    package = [LABKIT.name, *path.relative_to(LABKIT).parent.parts]
    for node in seen(ast.parse(source, str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
            continue
        start = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*start, *([node.module] if node.module else [])])
        if module == LABKIT.name:  # from labkit import tape: each name may be a room
            for alias in node.names:
                yield Import(path, node.lineno, f"{module}.{alias.name}")
        else:
            yield Import(path, node.lineno, module)


def seen(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import under `node`, at any depth, also those that only a type checker sees."""
    return (child for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom))
