"""`labkit class --simulate`: real connections from a process of their own, and what is said of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def labkit(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labkit.cli", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=100)


@pytest.mark.slow
def test_a_simulated_class_votes_twice_and_no_vote_is_lost_or_doubled():
    ended = labkit("class", "--simulate", "25", "--json")
    assert ended.returncode == 0, ended.stderr
    hour = json.loads(ended.stdout)
    assert (hour["joined"], hour["lost"], hour["doubled"]) == (25, 0, 0)
    assert hour["vote_p95_ms"] < float("inf")  # every vote that was answered came to the screen
    assert set(hour) == {
        "joined", "lost", "doubled", "join_s", "vote_p95_ms", "step_p95_ms", "longest_turn_ms",
    }  # fmt: skip


@pytest.mark.slow
def test_no_class_of_nobody():
    ended = labkit("class", "--simulate", "0")
    assert ended.returncode == 2 and "1 to 500" in ended.stderr


def test_a_class_in_a_terminal_is_asked_closed_and_sent_home():
    told = labkit("class", stdin="? What comes? / b'' / *EAGAIN\n.\n!\n= EAGAIN\n= nothing\ns\nq\n")
    assert told.returncode == 0, told.stderr
    assert "code " in told.stdout and "Nobody has voted." in told.stdout
    assert "shown: What comes?" in told.stdout and "none of the choices" in told.stdout
    assert "Iteration" in told.stdout and not told.stderr
