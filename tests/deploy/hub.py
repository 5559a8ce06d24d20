"""A real JupyterHub on loopback: our own configuration, its proxy, and a service that starts students."""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "loopback only"
STARTS_WITHIN = 120.0  # seconds


def proxy() -> Path | None:
    """configurable-http-proxy, as deploy/package.json pins it; npm brings it once, beside this Python."""
    folder = Path(sys.prefix) / "share" / "hub-proxy"
    command = folder / "node_modules" / ".bin" / "configurable-http-proxy"
    if not command.exists():
        npm = shutil.which("npm")
        if npm is None:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "deploy" / "package.json", folder)
        install = [
            npm,
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--prefix",
            str(folder),
        ]
        subprocess.run(install, check=True, timeout=300, stdin=subprocess.DEVNULL)
    return command


def three_free_ports() -> int:
    """The first of three ports in a row that nobody has, below those that clients are given (ip(7))."""
    while True:
        first = 20_000 + secrets.randbelow(10_000)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + 3):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first


class Hub:
    """`with Hub(folder) as hub`: `hub.url`; `hub.ask(...)` speaks to its API as the teacher's service.

    Its proxy begins `late` seconds late, as on a busy machine.
    """

    def __init__(self, folder: Path, late: int = 0) -> None:
        self.folder, self.late = folder, late
        self.exchange = folder / "exchange"  # nbgrader's
        self.port, self.token = three_free_ports(), secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "hub.log"

    def __enter__(self) -> Self:
        command = proxy()
        assert command is not None, "npm is needed to bring configurable-http-proxy"
        self.exchange.mkdir(mode=0o777)
        self.exchange.chmod(0o777)  # whatever the umask: nbgrader asks for it
        proxied = self.folder / "proxy"
        proxied.write_text(f'#!/bin/sh\nsleep {self.late}\nexec "{command}" "$@"\n')
        proxied.chmod(0o755)
        environment = os.environ | {
            "LAB_EXCHANGE": str(self.exchange),
            "LAB_HUB_DIR": str(self.folder),
            "LAB_HUB_PORT": str(self.port),
            "LAB_HUB_PASSWORD": PASSWORD,
            "LAB_HUB_TOKEN": self.token,
            "LAB_PROXY": str(proxied),
            "LAB_NOTEBOOKS": str(ROOT / "notebooks"),
            "PYTHONPATH": str(ROOT),
        }
        environment.pop("JUPYTERHUB_API_TOKEN", None)
        config = ["-f", str(ROOT / "deploy" / "jupyterhub_config.py")]
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", *config],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            self._wait(lambda: self.ask("GET", "/"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()  # it stops its proxy and its students' servers
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(
            OSError, ValueError
        ):  # a hub that failed leaves its proxy, in a session of its own
            os.kill(int((self.folder / "proxy.pid").read_text()), signal.SIGKILL)
        self._process.wait()

    def ask(self, method: str, path: str, fields: Any = None) -> Any:
        """The answer of the hub's REST API, as the teacher's service."""
        return self._request(method, f"{self.url}/hub/api{path}", fields)

    def start(self, student: str) -> str:
        """Start a student's server, unless a login did; its address."""
        for there in ("", "/server"):
            with contextlib.suppress(urllib.error.HTTPError):  # already
                self.ask("POST", f"/users/{student}{there}")

        def ready() -> bool:
            server = self.ask("GET", f"/users/{student}")["servers"].get("")
            return bool(server and server["ready"])

        self._wait(ready)
        return f"{self.url}/user/{student}"

    def log_in(self, student: str, password: str = PASSWORD) -> urllib.request.OpenerDirector:
        """A browser's cookies, after the form of the hub's own page; HTTPError for a wrong password."""
        jar = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        browser.open(f"{self.url}/hub/login", timeout=60).read()
        key = next(cookie.value for cookie in jar if cookie.name == "_xsrf")
        form = {"username": student, "password": password, "_xsrf": key}
        browser.open(f"{self.url}/hub/login", urllib.parse.urlencode(form).encode(), timeout=60).read()
        return browser

    def server(self, student: str, method: str, path: str, fields: Any = None) -> Any:
        """The answer of a student's own server."""
        return self._request(method, f"{self.url}/user/{student}/api{path}", fields)

    def execute(self, student: str, kernel: str, cells: list[str], within: float) -> Counter[str]:
        """Run cells in a kernel of a student's, one after another, by websocket; how many messages of a kind.

        AssertionError if one is late, or the last one raises.
        """
        from websockets.sync.client import connect

        url = f"ws://127.0.0.1:{self.port}/user/{student}/api/kernels/{kernel}/channels"
        teacher = {"Authorization": f"token {self.token}"}
        until, heard = time.monotonic() + within, Counter[str]()
        with connect(url, max_size=None, additional_headers=teacher) as channel:
            for number, cell in enumerate(cells):
                own = secrets.token_hex(8)  # a kernel takes no message twice
                header = {"msg_id": own, "msg_type": "execute_request", "version": "5.3"}
                header |= {"session": "hub", "username": "", "date": ""}
                content: dict[str, Any] = {"code": cell, "silent": False, "store_history": True}
                content |= {"user_expressions": {}, "allow_stdin": False, "stop_on_error": False}
                message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
                channel.send(json.dumps({**message, "channel": "shell", "buffers": []}))
                while True:
                    assert time.monotonic() < until, f"cell {number} was not done after {within:g} s"
                    answer = channel.recv(timeout=within)
                    told = json.loads(answer) if isinstance(answer, str) else {"msg_type": "comm_msg"}
                    heard[told["msg_type"]] += 1
                    if told["msg_type"] == "execute_reply" and told["parent_header"]["msg_id"] == own:
                        break
            assert told["content"]["status"] == "ok", told["content"]
        return heard

    def processes(self) -> list[int]:
        """The students' servers and kernels: everything below the hub but its proxy."""
        children: dict[int, list[int]] = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                pid, _, rest = status.read_text().partition(" ")
                children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(pid))
        found, look = [], [self._process.pid]
        while look:
            below = children.get(look.pop(), [])
            found += below
            look += below
        return [pid for pid in found if b"node" not in _command(pid).split(b"\0")[0]]

    def _wait(self, holds: Any) -> None:
        until = time.monotonic() + STARTS_WITHIN
        while True:
            with contextlib.suppress(OSError):  # not there yet; urllib's errors are OSErrors
                if holds():
                    return
            assert self._process.poll() is None, f"the hub has ended:\n{self.log.read_text()[-3000:]}"
            assert time.monotonic() < until, (
                f"nothing after {STARTS_WITHIN} s:\n{self.log.read_text()[-3000:]}"
            )
            time.sleep(0.2)

    def _request(self, method: str, url: str, fields: Any) -> Any:
        data = None if fields is None else json.dumps(fields).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
        return json.loads(body) if body else None


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def memory(pids: list[int]) -> int:
    """Bytes of memory that these processes have for themselves, shared pages counted by their share (PSS)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:"))
    return total


def cpu(pids: list[int]) -> float:
    """Seconds of CPU that these processes have used (proc_pid_stat(5): utime and stime)."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
