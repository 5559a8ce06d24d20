"""`labkit practice` in a real terminal: a pty, a file that is saved, and the keys."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.teaching import progress
from labkit.teaching.practice_form import load
from tests.teaching.answers import ANSWERS

NAME = "read-until-eagain"
WITHIN = 60.0  # seconds, on a machine that has other things to do

pytestmark = pytest.mark.slow


class Terminal:
    """The command in a pty: `press` a key, and `wait` until it has said something."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder, self.said = folder, ""
        self._ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "labkit.cli", "practice", *arguments, "--folder", str(folder)]
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # its keys become signals
        )
        os.close(theirs)

    def wait(self, words: str) -> str:
        """What was said since the last time, up to and with `words`."""
        until = time.monotonic() + WITHIN
        while words not in self.said:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"{words!r} did not come; instead: {self.said}"
            try:
                self.said += os.read(self._ours, 65536).decode(errors="replace").replace("\r\n", "\n")
            except OSError:
                pytest.fail(f"it ended without {words!r}: {self.said}")
        before, _, self.said = self.said.partition(words)
        return before + words

    def press(self, key: str) -> None:
        os.write(self._ours, key.encode())

    def save(self, text: str) -> None:
        """As editors do: a new file in the place of the old one."""
        path = self.folder / f"{NAME.replace('-', '_')}.py"
        new = path.with_suffix(".py.new")
        new.write_text(text)
        new.replace(path)

    def ended(self) -> int:
        with contextlib.suppress(OSError):
            while select.select([self._ours], [], [], WITHIN)[0] and os.read(self._ours, 65536):
                pass
        return self._process.wait(WITHIN)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(5)
        os.close(self._ours)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch) -> Iterator[Terminal]:
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    with contextlib.closing(Terminal(tmp_path / "mine", NAME, BROWSER=f"{browser} %s")) as opened:
        yield opened


def test_an_exercise_is_solved_beside_an_editor(terminal: Terminal, tmp_path: Path):
    told = terminal.wait("q quit")
    exercise = load(NAME)
    assert exercise.title in told and exercise.statement.splitlines()[0] in told
    assert (tmp_path / "mine" / "read_until_eagain.py").read_text() == exercise.stub

    terminal.save((ANSWERS / NAME / "wrong_once.py").read_text())
    told = terminal.wait("says the end")
    assert "expected: 2,000 bytes wait" in told and "Look at iteration 1." in told

    terminal.press("h")
    told = terminal.wait("Hint 1 of 3: ")
    terminal.press("h")
    terminal.wait("Hint 2 of 3: ")

    terminal.press("f")
    terminal.wait("figure.html")
    figure = tmp_path / "mine" / "figure.html"
    assert "</html>" in figure.read_text()
    until = time.monotonic() + WITHIN
    while not (tmp_path / "opened").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert (tmp_path / "opened").read_text().strip() == figure.as_uri()

    terminal.save((ANSWERS / NAME / "solution.py").read_text())
    told = terminal.wait("n: the next exercise")
    assert "4 of 4 points" in told and exercise.explanation.splitlines()[0] in told
    assert progress.read()["exercise"][NAME]["passed"]

    terminal.press("l")
    told = terminal.wait("send-all-in-parts")
    assert f"▸ ✓ 01 {NAME}" in told
    terminal.press("n")
    terminal.wait("01 · Send all of it, in parts")
    terminal.wait("q quit")
    terminal.press("q")
    assert terminal.ended() == 0


def test_reset_asks_once_and_keeps_what_was_there(terminal: Terminal, tmp_path: Path):
    terminal.wait("q quit")
    mine = tmp_path / "mine" / "read_until_eagain.py"
    terminal.save("def read_all(sock): return b'mine', False\n")
    terminal.wait("says the end")
    terminal.press("x")
    terminal.wait("x again")
    assert "mine" in mine.read_text()
    terminal.press("x")
    terminal.wait("q quit")
    assert mine.read_text() == load(NAME).stub
    assert "mine" in mine.with_suffix(".old").read_text()
    terminal.save("def read_all(sock): return b'again', False\n")
    terminal.wait("says the end")
    terminal.press("xx")
    terminal.wait("q quit")
    assert "mine" in mine.with_suffix(".old").read_text()
    assert "again" in mine.with_suffix(".old1").read_text()
    mine.unlink()
    terminal.press("xx")
    terminal.wait("q quit")
    assert mine.read_text() == load(NAME).stub, "also where there is nothing to keep"
    terminal.press("\x04")
    assert terminal.ended() == 0


def test_a_file_that_is_no_python_is_told_so(terminal: Terminal):
    terminal.wait("q quit")
    terminal.save("def read_all(sock:\n")
    terminal.wait("is no Python, line 1")
    terminal.press("f")
    terminal.wait("There is no figure")
    terminal.press("?")
    terminal.wait("q quit")


def test_ctrl_c_ends_it(terminal: Terminal):
    terminal.wait("q quit")
    terminal.press("\x03")
    assert terminal.ended() == 0


def test_without_a_terminal_it_says_what_to_do(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "labkit.cli", "practice", "--folder", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN,
    )
    assert done.returncode == 2 and "labkit check NAME FILE" in done.stderr
