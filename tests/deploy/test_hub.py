"""A real JupyterHub with our configuration: students get the lessons, run them, and leave nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from labkit.course.folder import write
from labkit.course.grade import grade
from labkit.course.marks import marks
from labkit.teaching.practice_form import load

from ..course.test_round import ANSWERS, NAME, answer, keep_one_exercise, nbgrader
from .hub import ROOT, Hub, memory

NO_HUB = "JupyterHub has no release for this Python"
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    pytest.importorskip("jupyterhub", reason=NO_HUB)
    if shutil.which("npm") is None:
        reason = "npm is needed to bring the hub's proxy"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with Hub(tmp_path_factory.mktemp("hub"), late=11) as hub:  # JupyterHub alone would wait for ten seconds
        yield hub


def test_students_start_with_the_lessons_and_keep_what_they_change(hub: Hub):
    hub.start("ann")
    names = {each["name"] for each in hub.server("ann", "GET", "/contents")["content"]}
    assert {"00-start-here.ipynb", "02-busy-polling-and-select.ipynb"} <= names
    mine = hub.folder / "home" / "ann" / "00-start-here.ipynb"
    mine.write_text(mine.read_text().replace("\n", "\n ", 1))
    changed = mine.read_text()
    hub.ask("DELETE", "/users/ann/server")
    hub.start("ann")
    assert mine.read_text() == changed


def test_two_students_log_in_run_a_lesson_hold_a_live_figure_and_hand_in(hub: Hub):
    """At the same time; through nbgrader's own exchange, and marked as they deserve."""
    pytest.importorskip("nbgrader", reason="nbgrader has no release for this Python")
    course = hub.folder / "course"
    write(course, answers=ANSWERS)
    keep_one_exercise(course)
    exchange = f"--Exchange.root={hub.exchange}"
    nbgrader(course, "generate_assignment", "lesson-01", "--create", "--force")
    nbgrader(course, "release_assignment", "lesson-01", exchange)
    answers = {"ann": answer("solution.py"), "bob": answer("wrong_once.py")}
    with ThreadPoolExecutor(2) as class_:
        held = list(class_.map(lambda student: an_hour(hub, student, answers[student]), answers))
    assert all(figure["comm_open"] > 0 and figure["comm_msg"] >= 5 for figure in held), held
    assert memory(hub.processes()) > 50_000_000
    nbgrader(course, "collect", "lesson-01", exchange)
    assert all(each.done for each in grade(course, "lesson-01"))
    scores = dict.fromkeys(answers, 0.0)
    for mark in marks(course):
        scores[mark.student] += mark.score
    assert scores["ann"] == load(NAME).points > scores["bob"]


def an_hour(hub: Hub, student: str, solution: str) -> Counter[str]:
    """What one student does; the messages that the live figure sent meanwhile, by kind."""
    browser = hub.log_in(student)
    hub.start(student)
    browser.open(f"{hub.url}/user/{student}/tree", timeout=60).read()  # which asks the hub who this is
    page = browser.open(f"{hub.url}/user/{student}/api/contents", timeout=60).read()
    assert LESSON.name in {each["name"] for each in json.loads(page)["content"]}
    run = {"path": LESSON.name, "name": LESSON.name, "type": "notebook", "kernel": {"name": "python3"}}
    kernel = hub.server(student, "POST", "/sessions", run)["kernel"]["id"]
    cells = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells if cell.cell_type == "code"]
    hub.execute(student, kernel, cells, 200)
    held = hub.execute(student, kernel, [FIGURE, MOVES], 60)
    hub.execute(student, kernel, [HANDS_IN.format(solution=solution, name=NAME)], 200)
    return held


LESSON = ROOT / "notebooks" / "02-busy-polling-and-select.ipynb"
FIGURE = """
import time
from IPython.display import display
from labkit import Channel, Lab
class Echo(Channel):
    def handle_read(self): self.write(self.recv(1024))
lab = Lab(Echo); alice = lab.connect("alice"); display(lab.live())
"""
MOVES = """
lab.run()
for _ in range(20): alice.send(b"hello"); time.sleep(0.1)
lab.pause()
"""
HANDS_IN = """
import json, pathlib, subprocess
def nbgrader(*words): return subprocess.run(["nbgrader", *words], check=True, capture_output=True, text=True)
nbgrader("fetch_assignment", "lesson-01")
path = pathlib.Path("lesson-01/lesson-01.ipynb")
notebook = json.loads(path.read_text())
for cell in notebook["cells"]:
    if cell["metadata"].get("nbgrader", {{}}).get("grade_id") == {name!r}: cell["source"] = {solution!r}
path.write_text(json.dumps(notebook))
nbgrader("submit", "lesson-01")
"""


def test_a_wrong_password_is_nobody(hub: Hub):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        hub.log_in("eve", "guessed")


def test_a_wrong_token_is_nobody(hub: Hub):
    token, hub.token = hub.token, "guessed"
    try:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            hub.ask("GET", "/users")
    finally:
        hub.token = token


def test_no_password_is_refused_where_others_can_reach_it(tmp_path: Path):
    pytest.importorskip("jupyterhub", reason=NO_HUB)
    config = ROOT / "deploy" / "jupyterhub_config.py"
    environment = os.environ | {
        "LAB_HUB_HOST": "0.0.0.0",
        "LAB_HUB_DIR": str(tmp_path),
        "LAB_HUB_PASSWORD": "",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "jupyterhub", "-f", str(config)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode != 0 and "LAB_HUB_PASSWORD is not set" in ended.stderr
