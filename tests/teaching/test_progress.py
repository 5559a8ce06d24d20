"""The reader's progress: kept in one readable file, whatever happens to it and whoever else writes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.teaching import progress

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "mine.json"
    monkeypatch.setenv("LABKIT_PROGRESS", str(place))
    monkeypatch.setattr(progress, "_remembered", {})
    return place


def test_what_is_noted_is_read_again(place: Path):
    assert progress.read() == {}
    assert progress.note("exercise", "edge-safe-reading", score=1, passed=False)
    assert progress.note("exercise", "edge-safe-reading", score=3, passed=True)
    kept = progress.read()["exercise"]["edge-safe-reading"]
    assert (kept["score"], kept["passed"]) == (3, True)
    assert kept["passed_first"] == kept["when"]
    text = place.read_text()
    assert json.loads(text)[progress.HEAD] == progress.VERSION
    assert len(text.splitlines()) > 5, "a person can read it"


def test_when_something_was_passed_first_stays(monkeypatch: pytest.MonkeyPatch):
    for at in ("2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"):
        monkeypatch.setattr(progress, "now", lambda at=at: at)
        progress.note("exercise", "e", passed=True)
    progress.note("exercise", "e", passed=False)
    kept = progress.read()["exercise"]["e"]
    assert (kept["passed_first"], kept["when"], kept["passed"]) == (
        "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z", False,
    )  # fmt: skip


def test_a_folder_may_be_named_instead_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path))
    assert progress.path() == tmp_path / "progress.json"


def test_without_a_name_it_is_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LABKIT_PROGRESS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert progress.path().is_relative_to(tmp_path)


@pytest.mark.parametrize("damage", ['{"labkit progress": 1, "predic', "[1, 2]", "{}", "\0\0\0", ""])
def test_a_damaged_file_is_put_aside_and_nothing_raises(place: Path, damage: str):
    place.write_text(damage)
    assert progress.read() == {}
    assert place.read_text() == damage, "reading changes nothing"
    assert progress.note("exercise", "e", score=1)
    assert progress.read()["exercise"]["e"]["score"] == 1
    (aside,) = place.parent.glob("*.damaged-*")
    assert aside.read_text() == damage


def test_a_kind_that_is_damaged_costs_only_itself(place: Path):
    place.write_text(json.dumps({progress.HEAD: 1, "prediction": 7, "exercise": {"e": {"score": 1}}}))
    assert progress.read() == {"exercise": {"e": {"score": 1}}}
    assert progress.change("prediction", "01-x", lambda kept: [kept])
    assert progress.read() == {"prediction": {"01-x": [None]}, "exercise": {"e": {"score": 1}}}


def test_a_file_of_a_newer_labkit_is_left_alone(place: Path):
    newer = json.dumps({progress.HEAD: progress.VERSION + 1, "exercise": {"e": "?"}})
    place.write_text(newer)
    assert not progress.note("exercise", "e", score=1)
    assert place.read_text() == newer
    assert progress.read()["exercise"]["e"]["score"] == 1, "remembered until the process ends"


def test_a_folder_that_cannot_be_made_loses_nothing_while_the_process_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "file" / "progress.json"))
    assert not progress.note("exercise", "e", score=1)
    assert progress.read()["exercise"]["e"]["score"] == 1
    assert progress.reset() == 1
    assert progress.read() == {"exercise": {}}


def test_a_write_that_fails_destroys_nothing(place: Path, monkeypatch: pytest.MonkeyPatch):
    progress.note("exercise", "e", score=1)
    before = place.read_text()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not progress.note("exercise", "e", score=2)
    assert place.read_text() == before
    assert sorted(each.name for each in place.parent.iterdir()) == ["mine.json", "mine.json.lock"]
    assert progress.read()["exercise"]["e"]["score"] == 2


@pytest.mark.slow
def test_several_kernels_at_once_lose_no_note(place: Path):
    script = (
        "import sys; from labkit.teaching import progress\n"
        "progress.LOCK_WITHIN = 50  # on a busy machine one of them may wait for longer than readers should\n"
        "for i in range(40):\n"
        "    progress.change('count', 'all', lambda kept: (kept or 0) + 1)\n"
        "    progress.note('exercise', sys.argv[1] + str(i), score=i)\n"
    )
    command = [sys.executable, "-c", script]
    writers = [subprocess.Popen([*command, name], cwd=ROOT) for name in "abcd"]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    kept = progress.read()
    assert kept["count"]["all"] == 160
    assert len(kept["exercise"]) == 160


def test_a_writer_that_holds_the_lock_too_long_is_not_waited_for(place: Path, monkeypatch):
    import fcntl

    monkeypatch.setattr(progress, "LOCK_WITHIN", 0.05)
    with open(place.with_name(place.name + ".lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not progress.note("exercise", "e", score=1)
    assert progress.read()["exercise"]["e"]["score"] == 1
    assert not place.exists()


def test_reset_forgets_what_begins_with_a_prefix():
    for id in ("01-a", "01-b", "02-a"):
        progress.change("prediction", id, lambda _: [])
    assert progress.reset("01") == 2
    assert list(progress.read()["prediction"]) == ["02-a"]
    assert progress.reset() == 1
    assert progress.reset() == 0
