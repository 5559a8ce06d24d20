"""The wheel, used where there is no checkout: it imports, runs, draws, brings its lessons, and no answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.teaching.practice_form import every

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = ("build-1-one-fd", "build-2-many")  # steps of lesson 11
SHORT = ()  # solutions with nothing that the stub has not
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("dist")
    ask = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(ask, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("event_loop_lab-*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Python of its own with the wheel in it; what that depends on is lent by the one that tests."""
    home = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, timeout=120)
    (site,) = home.glob("lib/python*/site-packages")
    lent = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "lent.pth").write_text(f"{lent}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin/python")]
    done = subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    yield home / "bin/python"


def run(python: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the wheel's Python elsewhere; it must not see this checkout."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ask = [str(python), *arguments]
    return subprocess.run(ask, cwd=folder, env=clean, capture_output=True, text=True, timeout=120)


def test_what_is_in_it(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    package = {path.relative_to(ROOT).as_posix() for path in tracked("labkit")}
    assert package <= set(names)
    assert {f"labkit/{path.relative_to(ROOT).as_posix()}" for path in tracked("notebooks")} <= set(names)
    assert not [name for name in names if name.startswith(("tests", "benchmarks")) or "solution" in name]
    assert not [name for name in names if "answers/" in name or "wrong_" in name]


def test_a_server_beside_it_answers_a_page_promptly(python: Path, tmp_path: Path):
    """Its extension is listed where Jupyter Server looks for such, and is one."""
    ask = "from jupyter_server.extension.serverextension import main; main()"
    listed = run(python, "-c", ask, "list", folder=tmp_path)
    for state in ("enabled", "OK"):
        assert re.search(rf"labkit\.figure\.prompt +\S*{state}", listed.stdout), listed


def test_no_five_lines_of_a_solution_are_in_it(wheel: Path):
    """But for what the stubs give, and the two steps of lesson 11 that are written there, to be read."""
    exercises = {each.name: each for each in every()}
    answers = {name: ROOT / "tests" / "answers" / name / "solution.py" for name in exercises}
    given = {five for each in exercises.values() for five in fives(each.stub)}
    given |= {five for name in WRITTEN for five in fives(answers[name].read_text("utf-8"))}
    secret = {name: fives(path.read_text("utf-8")) - given for name, path in answers.items()}
    assert all(each for name, each in secret.items() if name not in (*WRITTEN, *SHORT)), secret
    with zipfile.ZipFile(wheel) as packed:
        names = [name for name in packed.namelist() if name.endswith((".py", ".ipynb", ".toml", ".jsonl"))]
        texts = {name: packed.read(name).decode("utf-8") for name in names}
    for name, text in texts.items():
        if name.endswith(".ipynb"):
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        told = {each: fives(text) & fives_ for each, fives_ in secret.items()}
        assert not any(told.values()), (name, told)


def fives(text: str) -> set[tuple[str, ...]]:
    """Each five lines of code that follow each other, without what stands around them."""
    lines = [re.sub(r"\s+# .*", "", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    return set(zip(*(lines[at:] for at in range(5)), strict=False))


def test_it_is_the_one_that_is_used(python: Path, tmp_path: Path):
    done = run(python, "-c", "import labkit; print(labkit.__file__)", folder=tmp_path)
    assert done.stdout.startswith(str(python.parents[1])), done.stdout + done.stderr


def test_a_lab_steps_and_is_drawn(python: Path, tmp_path: Path):
    done = run(python, "-m", "labkit.cli", "demo", "--save", "run.html", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "and balanced each time." in done.stdout
    assert (tmp_path / "run.html").stat().st_size > 10_000


def test_notebooks_are_copied_once_and_never_overwritten(python: Path, tmp_path: Path):
    done = run(python, "-m", "labkit.cli", "notebooks", "lessons", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    copied = {path.name for path in (tmp_path / "lessons").iterdir()}
    assert copied >= {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    mine = tmp_path / "lessons" / "00-start-here.ipynb"
    mine.write_text("my notes")
    again = run(python, "-m", "labkit.cli", "notebooks", "lessons", folder=tmp_path)
    assert again.returncode == 2
    assert "name a new folder" in again.stderr and "Traceback" not in again.stderr
    assert mine.read_text() == "my notes"


def tracked(folder: str) -> list[Path]:
    """The files of a folder that belong to the project, not what Python and Jupyter left there."""
    made = {"__pycache__", ".ipynb_checkpoints"}
    return [path for path in (ROOT / folder).rglob("*") if path.is_file() and not made & set(path.parts)]
