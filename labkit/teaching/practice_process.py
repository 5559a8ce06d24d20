"""The answer's process as the checker sees it: orders go in, replies come out, and it is killed in the end.

It runs practice_child. Every wait has a deadline; what an answer prints is kept, up to a bound.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

REPLY_WITHIN = 60.0  # seconds; what takes so long in the answer's process has been ended there before
FORGED = "It wrote into the line between its process and the checker's."
PRINTED = 2000  # characters of what the answer prints that are kept
ROOT = Path(__file__).parents[2]


class Process:
    """The answer's process: orders go in, replies come out, what it prints is kept up to a bound."""

    def __init__(self, folder: Path) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(REPLY_WITHIN)
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TZ")}
        with theirs:
            self._popen = subprocess.Popen(
                [
                    sys.executable,
                    "-u",
                    "-P",
                    "-W",
                    "ignore",
                    "-m",
                    "labkit.teaching.practice_child",
                    str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                cwd=folder,
                env={
                    **kept,
                    "PYTHONPATH": path,
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "PYTHONIOENCODING": "utf-8:replace",
                },
                start_new_session=True,
            )
        self._read, self._unread = bytearray(), bytearray()
        self._drain = threading.Thread(target=self._keep_output, daemon=True)
        self._drain.start()
        self.over = False

    @property
    def printed(self) -> str:
        return self._read.decode(errors="replace")

    def ask(self, what: str, facts: dict[str, Any]) -> dict[str, Any]:
        try:
            token = os.urandom(8).hex()
            self._control.sendall(json.dumps({"do": what, "token": token, **facts}).encode() + b"\n")
            while b"\n" not in self._unread:
                data = self._control.recv(65536)
                if not data:
                    return {"ended": self._ended()}
                self._unread += data
            line, _, rest = self._unread.partition(b"\n")
            self._unread = rest
            reply = json.loads(line)
            if not isinstance(reply, dict) or reply.pop("token", None) != token:
                return {"ended": FORGED}
            return reply
        except TimeoutError:
            return {"stuck": f"has not come back for {REPLY_WITHIN:g} s"}
        except OSError:
            return {"ended": self._ended()}
        except ValueError:
            return {"ended": FORGED}

    def _ended(self) -> str:
        status = self._popen.wait(5)
        if status == -signal.SIGXCPU or status == -signal.SIGKILL:
            return "It used up the CPU time that an answer is given."
        if status < 0:
            return f"Its process was ended by {signal.Signals(-status).name}."
        return f"It ended its process, with status {status}."

    def _keep_output(self) -> None:
        assert self._popen.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._popen.stdout.fileno(), 65536):
                self._read += data[: max(0, PRINTED - len(self._read))]

    def close(self) -> None:
        """Kill the process and its group, and reap it."""
        if self.over:
            return
        self.over = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(5)
        self._control.close()
        self._drain.join(1)  # a child that left the group may hold the pipe open
        assert self._popen.stdout is not None
        self._popen.stdout.close()
