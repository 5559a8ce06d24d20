"""What the documents say of the code is so: rooms, files, commands, targets, and which facts are taught."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import threading
import tomllib
from functools import cache
from pathlib import Path
from types import FrameType

import nbformat
import pytest

from labkit import Channel, Lab
from labkit.figure.view import View
from labkit.teaching.practice_form import load

from .helpers import NOTEBOOKS, ROOT
from .lessons.minutes import said
from .test_rooms import ROOMS

TOP = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "INSTRUCTOR.md", ROOT / "deploy" / "README.md"]
DOCUMENTS = [*TOP, *sorted((ROOT / "docs").glob("*.md"))]
ROW = re.compile(r"^\| (S\d\d) \|", re.MULTILINE)
# `labkit/tape/tape.py`, `tests/proof/`; not `tests/proof/PART.py`, which stands for many
PATH = re.compile(
    r"`((?:\.ci|\.github|benchmarks|deploy|docs|labkit|notebooks|tests|website)/[^\s`<…]*|[\w-]+\.(?:md|toml|yml))`"
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
STANDS_FOR_MANY = re.compile(r"NN|PART|NAME")

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@each_document
def test_every_path_that_is_named_is_there(path: Path):
    text = path.read_text(encoding="utf-8")
    named = {ROOT / name for name in PATH.findall(text) if not STANDS_FOR_MANY.search(name)}
    linked = {path.parent / link for link in LINK.findall(text) if "://" not in link}
    missing = sorted(str(each) for each in named | linked if not each.exists())
    assert not missing, f"{path.name} names what is not there: {missing}"


@each_document
def test_every_make_target_that_is_named_is_there(path: Path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    targets |= {f"proof-{proof.stem}" for proof in (ROOT / "tests" / "proof").glob("[a-z]*.py")}
    named = set(
        re.findall(r"(?:^|`)make ([a-z]+(?:-[a-z]+)*)\b(?!-)", path.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert not named - targets, f"{path.name} names targets that are not there: {sorted(named - targets)}"


@each_document
def test_every_command_that_is_named_is_there(path: Path):
    text = path.read_text(encoding="utf-8")
    missing = set(re.findall(r"(?:^|`|bin/)labkit ([a-z]+)", text, re.MULTILINE)) - commands()
    assert not missing, f"{path.name} names commands that are not there: {sorted(missing)}"


@cache
def commands() -> set[str]:
    """What labkit itself says that it can do."""
    asked = [sys.executable, "-m", "labkit.cli", "--help"]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^ {4}([a-z]+)(?: |$)", told, re.MULTILINE))


@pytest.mark.parametrize("name", ["README.md", "docs/design.md"])
def test_the_table_of_rooms_is_the_order_that_imports_are_held_to(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    (table,) = re.findall(r"\| room \|.*\n\|[-|]+\n((?:\|.*\n)+)", text)
    rooms = [room for row in table.splitlines() for room in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert rooms == [room for room in ROOMS if not room.startswith("__")]


HOP = re.compile(r"^\d\. (.*(?:\n   .*)*)", re.MULTILINE)


def hops() -> list[str]:
    """The way of one recv, as the design numbers it."""
    way = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").partition("## The way of one `recv`")[2]
    return HOP.findall(way.partition("\n## ")[0])


def test_a_recv_reaches_the_browser_in_at_most_eight_hops_that_are_there():
    """Each hop names files, and what stands in them: `Tape.append`, `receive`."""
    assert 4 <= len(hops()) <= 8
    for hop in hops():
        files = PATH.findall(hop)
        names = [name for name in re.findall(r"`([A-Za-z_]\w*(?:\.\w+)?)`", hop) if name not in files]
        assert files and names, hop
        defined = set().union(*(defined_in(ROOT / name) for name in files))
        missing = [name for name in names if name not in defined]
        assert not missing, f"not in {files}: {missing}"


def defined_in(path: Path) -> set[str]:
    """The names that a file makes: classes, functions, and methods as Class.method."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".js":
        return set(re.findall(r"^(?:export )?(?:class|function|  )\s*(\w+)\(?", text, re.MULTILINE))
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return found


def test_what_happens_to_one_recv_goes_that_way():
    """The functions of the hops up to the drawing are called when one recv is made and drawn."""
    wanted = {name for hop in hops()[:6] for name in re.findall(r"`(\w+\.\w+|_recv)`", hop)} - {"Panel.parts"}
    called: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        name = frame.f_code.co_qualname.replace("_recv.<locals>.recv", "_recv")
        if event == "call" and name in wanted and name not in called:
            called.append(name)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        with Lab(Echo, selector="select") as lab:
            lab.connect("alice").send(b"hello")
            lab.step(2)
            View(lab.tape, ["fd sets"], "screen", None).draw(1)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    assert set(called) == wanted, wanted - set(called)


class Echo(Channel):
    """Sends back what it receives."""

    def handle_read(self) -> None:
        self.write(self.recv(1024))


def test_the_table_of_lessons_is_the_folder_of_notebooks():
    linked = re.findall(
        r"^\| \[.*?\]\(notebooks/([^)]+)\)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert linked == [path.name for path in NOTEBOOKS]


def plans() -> dict[str, str]:
    """{"04": the plan of that lesson} as INSTRUCTOR.md has it."""
    text = (ROOT / "INSTRUCTOR.md").read_text(encoding="utf-8")
    plan = text.partition("## A plan per lesson")[2].partition("\n## ")[0]
    return {
        f"{int(part.partition(' ')[0]):02}": part for part in re.split(r"^\*\*(?=\d)", plan, flags=re.M)[1:]
    }


def test_every_lesson_has_a_plan_with_the_minutes_of_its_head():
    for path in [each for each in NOTEBOOKS if each.name[:2].isdigit()]:  # the glossary is no lesson
        minutes = re.search(r"\*\* \((\d+) minutes", plans()[path.name[:2]])
        assert minutes, f"{path.name}: its plan says no minutes"
        assert int(minutes[1]) == said(nbformat.read(path, as_version=4)), (
            f"INSTRUCTOR.md, {path.name}: python -m tests.lessons.minutes --write puts them there"
        )
    for number, plan in plans().items():
        assert "*Stops:*" in plan and "*Goes wrong:*" in plan and "*Exercise" in plan, number


def test_what_an_instructor_is_told_to_use_is_there():
    questions = (ROOT / "labkit" / "teaching" / "questions").glob("[0-9]*.toml")
    asked = {name for path in questions for name in tomllib.loads(path.read_text(encoding="utf-8"))}
    exercises = {path.parent.name for path in (ROOT / "tests" / "answers").glob("*/*.py")}
    told: set[str] = set()
    for number, plan in plans().items():
        named = {name for name in re.findall(r"`([a-z0-9-]+)`", plan) if "-" in name or name in exercises}
        predictions = {name for name in named if name in asked}
        assert all(name.startswith(number) for name in predictions), number
        splits = predictions or number == "10"  # where nobody votes: pairs hunt bugs
        assert splits, f"{number}: which of its predictions splits a room?"
        assert {load(name).lesson for name in named - predictions} <= {number}
        told |= named
    assert exercises <= told, sorted(exercises - told)
    assert told <= exercises | asked, sorted(told - exercises - asked)


def test_every_fact_is_taught_by_a_cell_and_every_row_that_a_cell_teaches_is_a_fact():
    facts = set(ROW.findall((ROOT / "docs" / "facts.md").read_text(encoding="utf-8")))
    cells = [cell for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    taught = {row for cell in cells for row in cell.metadata.get("labkit", {}).get("teaches", [])}
    assert len(facts) >= 75
    assert facts == taught, f"never taught: {sorted(facts - taught)}; no fact: {sorted(taught - facts)}"


def test_the_documents_say_nothing_of_one_machine():
    for path in DOCUMENTS:
        assert not re.search(r"/(?:home|root|work|tmp)/", path.read_text(encoding="utf-8")), path.name
