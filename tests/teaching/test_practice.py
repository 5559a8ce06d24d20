"""check() as notebooks, graders and terminals use it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from labkit.teaching.practice import check, judge
from labkit.teaching.practice_child import Stuck, patiently
from labkit.teaching.practice_form import every, load
from labkit.teaching.practice_steps import whole
from tests.teaching.answers import ANSWERS

NAME = "read-until-eagain"
SOLUTION = ANSWERS / NAME / "solution.py"
WRONG = ANSWERS / NAME / "wrong_once.py"
HANGS = """
from labkit import Channel
class EdgeEcho(Channel):
    def handle_read(self):
        while True: pass
"""


def test_the_verdict_says_what_was_expected_what_happened_and_where():
    verdict = judge(load(NAME), WRONG)
    assert [each.passed for each in verdict.outcomes] == [False, False, True]
    told = str(verdict)
    assert "expected: 2,000 bytes wait" in told and "happened: It returned 1,000 bytes and False." in told
    assert "Look at iteration 1." in told
    failed = verdict.failed
    assert failed is not None and failed.tape is not None
    calls = failed.tape.iteration(1).calls
    assert [(call.name, call.arg, call.result) for call in calls][0] == ("recv", 1000, 1000)
    assert load(NAME).explanation not in told


def test_the_explanation_comes_after_passing():
    verdict = judge(load(NAME), SOLUTION)
    assert verdict.passed and verdict.score == verdict.max == load(NAME).points
    assert load(NAME).explanation in str(verdict)


@pytest.mark.slow
def test_graded_it_raises_says_nothing_else_and_returns_none(monkeypatch, capfd):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert check(NAME, SOLUTION) is None
    with pytest.raises(AssertionError, match="It returned 1,000 bytes and False"):
        check(NAME, WRONG)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("EdgeEcho = 3\n", "It raised TypeError: Lab(3) needs a class"),
        (
            "from labkit.lab.scenarios import Echo as EdgeEcho\n"
            "from labkit.tape.tape import Tape\nTape.save = None\n",
            "It raised TypeError: 'NoneType'",
        ),
    ],
    ids=["no class", "a tape that cannot be saved"],
)
def test_what_raises_in_every_check_is_not_said_to_have_hung(source: str, told: str):
    """In a later check it was told that it did not come back."""
    outcomes = judge(load("edge-safe-reading"), source).outcomes
    assert len(outcomes) == 4
    assert all(each.happened.startswith(told) for each in outcomes), outcomes


@pytest.mark.slow
def test_what_hangs_is_not_waited_for_in_every_check():
    outcomes = judge(load("edge-safe-reading"), HANGS).outcomes
    assert "runs in a circle" in outcomes[0].happened
    assert [each.happened for each in outcomes[1:]] == ["It did not come back in an earlier check."] * 3


def test_one_check_alone_gives_its_own_points(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    never_ends = ANSWERS / NAME / "wrong_never_ends.py"
    assert check(NAME, never_ends, only="takes everything") is None
    with pytest.raises(AssertionError, match="says the end"):
        check(NAME, never_ends, only="says the end")
    with pytest.raises(
        LookupError, match="has no check 'nothing'; it has 'takes everything', 'says the end'"
    ):
        check(NAME, never_ends, only="nothing")


@pytest.mark.slow
def test_the_same_answer_gets_the_same_verdict():
    verdicts = {json.dumps(judge(load(NAME), WRONG).as_json()) for _ in range(3)}
    assert len(verdicts) == 1


@pytest.mark.slow
def test_many_turns_that_each_take_a_while_are_no_circle():
    """On a busy machine a line that came byte by byte took more CPU than one handler may."""
    work = (
        "import time\n",
        "        end = time.thread_time() + 0.06\n        while time.thread_time() < end: pass\n",
    )
    name = "never-block"
    text = (ANSWERS / name / "solution.py").read_text()
    verdict = judge(
        load(name), work[0] + text.replace("def handle_read(self):\n", "def handle_read(self):\n" + work[1])
    )
    assert verdict.passed, verdict


@pytest.mark.slow
def test_a_connection_that_the_answer_has_closed_is_told_and_does_not_end_the_check():
    """shutdown() by the peer of a socket that was thrown away raises ENOTCONN in the checker's process."""
    build = load("build-4-buffers")
    failed = judge(build, whole(build, build.stub, from_reference=True), only="the end").failed
    assert failed is not None
    assert failed.message.startswith("A connection stays open while its peer still speaks. Your end of it")


@pytest.mark.slow
def test_other_seeds_draw_other_instances():
    for seed in range(3):
        assert judge(load(NAME), SOLUTION, seed=seed).passed
        assert not judge(load(NAME), WRONG, seed=seed).passed


def test_what_the_answer_prints_is_shown():
    source = SOLUTION.read_text().replace("    parts = []", "    print('looking')\n    parts = []")
    verdict = judge(load(NAME), source)
    assert verdict.passed and verdict.printed.startswith("looking\n")
    assert "your code printed:\n    looking" in str(verdict)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def read_all(sock:\n", "no Python, line 1"),
        ("def other(sock): pass\n", "does not define read_all"),
        ("\0\n", "no Python"),
    ],
)
def test_what_is_no_answer_is_told_so(source: str, words: str):
    with pytest.raises(ValueError, match=words):
        judge(load(NAME), source)


def test_an_exercise_that_is_not_there_names_those_that_are():
    with pytest.raises(LookupError, match=f"no exercise 'nope'.*{NAME}"):
        load("nope")


def test_an_instructors_folder_adds_exercises(tmp_path: Path, monkeypatch):
    theirs = (load(NAME).path).read_text().replace('"Read until EAGAIN"', '"My own"')
    (tmp_path / "my_own.py").write_text(theirs)
    monkeypatch.setenv("LABKIT_EXERCISES", str(tmp_path))
    assert {"my-own", NAME} <= {each.name for each in every()}
    assert judge(load("my-own"), SOLUTION).passed
    (tmp_path / "broken.py").write_text("TITLE = 'x'\n")
    with pytest.raises(ValueError, match=r"broken\.py is no exercise: it lacks LESSON"):
        every()


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "labkit.cli", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


@pytest.mark.slow
def test_the_command_lists_exercises():
    listed = json.loads(command("exercises", "--json").stdout)
    assert {"name": NAME, "lesson": "01", "title": load(NAME).title, "points": load(NAME).points} in listed
    assert NAME in command("exercises").stdout


@pytest.mark.slow
@pytest.mark.parametrize(("file", "status"), [(SOLUTION, 0), (WRONG, 1), ("/nowhere.py", 2), (__file__, 2)])
def test_the_command_judges_a_file(file: object, status: int, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    done = command("check", NAME, file, "--json")
    assert done.returncode == status
    told = json.loads(done.stdout)
    assert told["passed"] == (status == 0)
    if status == 1:
        assert told["findings"][0]["iteration"] == 1
        assert "2,000 bytes wait" in told["findings"][0]["message"]
        assert told["score"] < told["max"] == load(NAME).points
    if status == 2:
        assert "labkit: " in done.stderr


@pytest.mark.slow
def test_the_command_saves_the_figure_of_what_failed(tmp_path: Path):
    for name in ("figure.html", "figure.png"):
        done = command("check", NAME, WRONG, "--figure", tmp_path / name)
        assert done.returncode == 1 and str(tmp_path / name) in done.stdout
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.slow
def test_terminal_and_notebook_agree():
    done = command("check", NAME, WRONG)
    assert done.stdout.strip() == str(judge(load(NAME), WRONG)).strip()


def test_who_naps_is_said_to_sleep_though_the_lab_has_lost_patience_first():
    """On a busy machine naps of 10 ms were taken for a circle: a look between two of them found no sleep."""
    enough = threading.Event()

    def naps() -> None:
        while not enough.is_set():
            time.sleep(0.01)

    def gives_up() -> None:
        time.sleep(0.3)
        raise TimeoutError

    suspect = threading.Thread(target=naps, daemon=True)
    suspect.start()
    try:
        with pytest.raises(Stuck, match="sleeps in clock_nanosleep, in .*naps: `"):
            patiently(__file__, gives_up, suspect)
    finally:
        enough.set()
        suspect.join(5)
