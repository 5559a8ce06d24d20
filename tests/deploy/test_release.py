"""What students get is complete, and holds no answer: neither in its folders nor inside its wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from .hub import ROOT

pytestmark = pytest.mark.slow
ANSWERS = sorted((ROOT / "tests" / "answers").glob("*/*.py"))


def released(folder: Path) -> subprocess.CompletedProcess[str]:
    ask = [sys.executable, str(ROOT / "deploy" / "release.py"), str(folder)]
    return subprocess.run(ask, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "out"
    done = released(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    """Every file by its name, those inside the wheel too."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        return found | {f"{wheel.name}/{name}": packed.read(name) for name in packed.namelist()}


def test_all_that_a_student_needs_is_there(folder: Path):
    top = {path.name for path in folder.iterdir() if path.suffix != ".whl"}
    assert top == {"LICENSE", "README.md", "environment.yml", "notebooks", "requirements.lock"}
    lessons = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in (folder / "notebooks").glob("*.ipynb")} == lessons
    (wheel,) = folder.glob("event_loop_lab-*.whl")
    assert wheel.name in (folder / "README.md").read_text()
    assert f"./{wheel.name} --hash=sha256:" in (folder / "environment.yml").read_text()


def test_it_holds_no_test_and_no_answer(folder: Path):
    assert len(ANSWERS) > 50, "where are the answers?"
    files = everything(folder)
    named = [name for name in files if {"tests", "answers"} & set(Path(name).parts) or "wrong_" in name]
    assert not named
    text = b"\n".join(files.values())
    assert b"def test_" not in text
    told = [path for path in ANSWERS if path.read_bytes().strip() in text]
    assert not told, f"a student could read {told}"


def test_no_notebook_brings_an_output(folder: Path):
    for path in (folder / "notebooks").rglob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not any(cell.get("outputs") for cell in cells), path.name


def test_a_folder_with_something_in_it_is_left_alone(folder: Path):
    before = everything(folder)
    done = released(folder)
    assert done.returncode == 2 and "name a new folder" in done.stderr
    assert everything(folder) == before


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").rglob("*.sh")), ids=lambda path: path.name)
def test_a_script_has_no_mistake_of_grammar(script: Path):
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


def test_the_values_of_the_chart_are_yaml():
    yaml = pytest.importorskip("yaml", reason="JupyterLab's own dependency")
    values = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "values.yaml").read_text())
    assert values["singleuser"]["memory"]["limit"] and values["singleuser"]["cpu"]["limit"]
    assert values["cull"]["enabled"] is True
