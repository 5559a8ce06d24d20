"""Find a browser that starts, or bring one: what the browser tests and `make browser` ask first.

    browser = find_or_install()      # once a session: what it found is remembered
    browser.path                     # pathlib.Path for Playwright's executable_path, or None
    browser.reason                   # where it came from, or why there is none, in a sentence

As a script it prints the path alone, or ends with 1 and the reason on stderr.
It knows nothing of JupyterLab, pytest or the lab.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PLAYWRIGHT_DEADLINE = 60  # seconds its download may take
APT_DEADLINE = 600
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


class Browser(NamedTuple):
    """A Chromium and where it came from, or None and why there is none."""

    path: Path | None
    reason: str


@functools.cache
def find_or_install() -> Browser:
    """The first that starts: $CHROMIUM, Playwright's, the machine's, a download, Debian's package."""
    named = os.environ.get("CHROMIUM")
    if named:  # what was asked for, or nothing: another browser would hide the mistake
        if starts(Path(named)):
            return Browser(Path(named), "named by $CHROMIUM")
        return Browser(None, f"$CHROMIUM names {named}, which does not start")
    tried: list[str] = []
    for search in (_playwrights_own, _on_this_machine, _download, _debians_package):
        browser = search()
        if browser.path is not None:
            return browser
        tried.append(browser.reason)
    return Browser(None, "no Chromium: " + "; ".join(tried))


def starts(path: Path) -> bool:
    """True where `path --version` answers: a snap stub or a lone binary without libraries does not."""
    try:
        asked = [str(path), "--version"]
        return subprocess.run(asked, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _playwrights_own() -> Browser:
    if importlib.util.find_spec("playwright") is None:
        return Browser(None, "Playwright is not installed (make test installs it)")
    # A driver in a process of its own: Playwright's sync API refuses to start inside a running loop.
    script = (
        "from playwright.sync_api import sync_playwright as s\n"
        "with s() as p: print(p.chromium.executable_path)"
    )
    asked = [sys.executable, "-c", script]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return Browser(None, "Playwright's driver does not start")
    path = Path(answer.stdout.strip() or "none")
    if path.is_file() and starts(path):
        return Browser(path, "Playwright's own")
    return Browser(None, "Playwright has downloaded none")


def _on_this_machine() -> Browser:
    for path in _candidates():
        if starts(path):
            return Browser(path, "already on this machine")
    return Browser(None, "none on this machine starts (" + ", ".join(NAMES) + ")")


def _candidates() -> Iterator[Path]:
    for name in NAMES:
        if found := shutil.which(name):
            yield Path(found)
    for place in MACOS:
        if Path(place).is_file():
            yield Path(place)


def _download() -> Browser:
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    failed = _run(command, PLAYWRIGHT_DEADLINE)
    return _playwrights_own() if not failed else Browser(None, f"Playwright's download {failed}")


def _debians_package() -> Browser:
    apt = shutil.which("apt-get")
    if apt is None:
        return Browser(None, "this is no Debian, whose package could be installed")
    if os.geteuid() != 0:
        return Browser(None, "only root may install one: sudo apt-get install chromium")
    os.environ.setdefault("DEBIAN_FRONTEND", "noninteractive")
    failed = _run([apt, "update", "-q"], APT_DEADLINE) or _run(
        [apt, "install", "-q", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
        APT_DEADLINE,
    )
    if failed:
        return Browser(None, f"apt-get install chromium {failed}")
    found = _on_this_machine()
    return found._replace(reason="Debian's package") if found.path else found


def _run(command: list[str], deadline: float) -> str:
    """Nothing where `command` succeeds, else what went wrong, with the last line that it said."""
    print("chromium.py:", *command[-3:], file=sys.stderr, flush=True)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as trouble:
        return f"did not start: {trouble}"
    with process:
        try:
            said = process.communicate(timeout=deadline)[0]
        except subprocess.TimeoutExpired:  # with its children, which hold the pipe open
            os.killpg(process.pid, signal.SIGKILL)
            return f"took longer than {deadline:.0f} s"
    if process.returncode == 0:
        return ""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"failed ({lines[-1] if lines else f'exit {process.returncode}'})"


if __name__ == "__main__":
    browser = find_or_install()
    print(f"chromium.py: {browser.reason}", file=sys.stderr)
    if browser.path is None:
        sys.exit(1)
    print(browser.path)
