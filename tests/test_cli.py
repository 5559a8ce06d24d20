"""`labkit` in a shell: real runs, real exit statuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.lab.scenarios import SCENARIOS

ROOT = Path(__file__).parent.parent


def labkit(*arguments, prefix=(), **environment):
    utf8 = {} if environment else {"PYTHONIOENCODING": "utf-8"}  # whatever the locale of this run is
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **utf8, **environment}
    encoding = "utf-8" if utf8 else None
    command = [*prefix, sys.executable, "-m", "labkit.cli", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        errors="replace",
        encoding=encoding,
    )


def test_doctor_fits_one_screen():
    done = labkit("doctor")
    assert done.returncode in (0, 1) and not done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= 24
    for word in ("Python", "selectors", "fd limit", "/proc", "jupyterlab", "ipywidgets"):
        assert any(word in line for line in lines)


@pytest.mark.parametrize("name", SCENARIOS)
def test_demo_tells_every_iteration_and_accounts_for_every_byte(name):
    done = labkit("demo", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Iteration 0\n" in done.stdout
    assert "and balanced each time." in done.stdout


def test_the_echo_demo_shows_a_partial_write_and_a_close():
    told = labkit("demo").stdout
    assert "→ EAGAIN" in told or "in the write buffer" in told
    assert "(read and write)" in told
    assert "alice: close() → done" in told and "bob: close() → done" in told


def test_replay_tells_what_was_saved(tmp_path):
    tape = tmp_path / "demo.jsonl"
    told = labkit("demo", "--tape", tape).stdout
    again = labkit("replay", tape)
    assert again.returncode == 0
    assert again.stdout + f"tape: {tape}\n" == told


@pytest.mark.slow
def test_demo_saves_the_player(tmp_path):
    pytest.importorskip("matplotlib")
    page = tmp_path / "demo.html"
    done = labkit("demo", "--save", page)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "await play(" in text
    assert 'src="http' not in text and "src='http" not in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ([], 2, "COMMAND"),
        (["demo", "nothing"], 2, "echo"),
        (["demo", "--selector", "iocp"], 2, "it has busy, select"),
        (["replay", "nowhere.jsonl"], 2, "nowhere.jsonl"),
        (["replay", __file__], 2, "line 1: not a labkit tape"),
        (["demo", "--save", "figure.bmp"], 2, ".html"),
        (["demo", "--save", "figure.png", "--at", "999"], 2, "there is no iteration 999"),
    ],
)
def test_bad_input_says_what_to_do(arguments, status, says):
    done = labkit(*arguments)
    assert done.returncode == status
    assert says in done.stderr and "Traceback" not in done.stderr


POOR = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.slow
@pytest.mark.parametrize("environment", POOR, ids=str)
def test_every_terminal_gets_what_it_can_show(environment, tmp_path):
    tape = tmp_path / "tape"
    assert labkit("doctor", **environment).returncode in (0, 1)
    told = labkit("demo", "error", "--tape", tape, **environment)
    assert (told.returncode, told.stderr) == (0, "")
    assert "-> 4 bytes" in told.stdout
    again = labkit("replay", tape, **environment)
    assert again.returncode == 0 and again.stdout + f"tape: {tape}\n" == told.stdout


def test_hardly_any_fds_still_tell_a_demo_to_its_end():
    done = labkit("demo", prefix=("sh", "-c", 'ulimit -n 6; exec "$@"', "sh"))
    assert done.returncode in (0, 2), done.stderr
    assert "EMFILE" in done.stdout or "ulimit -n" in done.stderr
    assert "Traceback" not in done.stderr


def test_escapes_of_a_strangers_tape_do_not_reach_the_terminal(tmp_path):
    tape = tmp_path / "tape"
    labkit("demo", "error", "--tape", tape)
    evil = r"\u001b]0;owned\u0007\ud800\u202e\n<!--<script>"
    text = tape.read_text().replace('"alice"', f'"{evil}"').replace("a question", evil)
    assert evil in text
    tape.write_text(text)
    told = labkit("replay", tape)
    assert told.returncode == 0
    assert all(each.isprintable() for each in told.stdout.replace("\n", ""))
    assert r"\x1b]0;owned\x07\ud800\u202e\n<!--<script>: recv" in told.stdout
