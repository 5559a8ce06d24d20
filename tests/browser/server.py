"""A JupyterLab of its own: a copy of the notebooks, nobody's settings, a free port, a token, no news.

    with JupyterLab(Path("notebooks")) as lab:
        lab.url("00-start-here.ipynb")      # an address that a browser can open, with the token in it

What a reader does in it is saved in the copy. It knows nothing of browsers.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
STARTS_WITHIN = 180.0  # seconds, from a cold disk on a busy machine
STOPS_WITHIN = 20.0
QUIET = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
}


class JupyterLab:
    """A running server; `folder` is its copy of `notebooks`, `log` what it said."""

    def __init__(self, notebooks: Path = NOTEBOOKS) -> None:
        self.token = secrets.token_hex(16)
        self._home = Path(tempfile.mkdtemp(prefix="labkit-browser-"))
        self.folder = self._home / "notebooks"
        shutil.copytree(notebooks, self.folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        self._log = (self._home / "log").open("w+")
        for name, settings in QUIET.items():
            file = self._home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings))
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
                "--port=0", f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.folder}",
                "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
            ],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            self.address = self._wait()
        except BaseException:
            self.close()
            raise

    def url(self, name: str) -> str:
        """Where a browser finds a notebook of `folder`, in a fresh workspace."""
        return f"{self.address}lab/tree/{name}?token={self.token}&reset"

    def shut_down_kernels(self) -> None:
        """End every kernel that is open."""
        for session in self._ask("GET", "api/sessions"):
            self._ask("DELETE", f"api/sessions/{session['id']}")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self.address.rstrip("/").rpartition(":")[2])

    @property
    def log(self) -> str:
        return (self._home / "log").read_text(errors="replace")

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()  # it shuts its kernels down first
            try:
                self._process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOPS_WITHIN)
        self._log.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        places = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        own = {name: str(self._home / place) for name, place in places.items()}
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        return {**os.environ, **own, "PYTHONPATH": path}

    def _wait(self) -> str:
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and self._process.poll() is None:
            for file in (self._home / "runtime").glob("jpserver-*.json"):
                try:
                    self.address = str(json.loads(file.read_text())["url"])
                    self._ask("GET", "api/status")
                    return self.address
                except (OSError, ValueError):  # half written, or not listening yet
                    pass
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start within {STARTS_WITHIN:g} s:\n{self.log[-4000:]}")

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(
            self.address + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=STOPS_WITHIN) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
