"""How a bored student would cheat, or break the checker: none of it passes, hangs or leaves a thing.

Not defended: an answer that writes a whole tape of its own, consistent to the last byte with what its peers
saw; one that gets around Python's audit hooks; in a checkout, one that runs the solution that lies there; and
the reader's own files, progress among them.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from labkit import kernel
from labkit.teaching.practice import judge
from labkit.teaching.practice_form import load
from tests.teaching.answers import ANSWERS

SOLUTION = (ANSWERS / "read-until-eagain" / "solution.py").read_text()
WRONG = (ANSWERS / "read-until-eagain" / "wrong_once.py").read_text()

ATTACKS = {
    "an endless loop": ("def read_all(sock):\n    while True: pass\n", "runs in a circle"),
    "an endless loop at import": (
        "while True: pass\ndef read_all(sock): pass\n",
        "runs in a circle, in line 1",
    ),
    "a call that sleeps for ever": (
        "import time\ndef read_all(sock):\n    time.sleep(1000)\n",
        "sleeps in clock_nanosleep, in read_all: `time.sleep(1000)`",
    ),
    "sys.exit": ("import sys\ndef read_all(sock):\n    sys.exit(0)\n", "SystemExit"),
    "os._exit": ("import os\ndef read_all(sock):\n    os._exit(0)\n", "ended its process, with status 0"),
    "os._exit at import": ("import os\ndef read_all(sock): pass\nos._exit(0)\n", "ended its process"),
    "a signal to itself": (
        "import os, signal\ndef read_all(sock):\n    os.kill(os.getpid(), signal.SIGKILL)\n",
        "may not send signals",
    ),
    "a flood of output": (  # which runs in a circle, or sleeps in write where nobody keeps up with it
        "def read_all(sock):\n    while True: print('x' * 9999)\n",
        "in read_all: `while True: print(",
    ),
    "a thread": (
        "from threading import Thread\ndef read_all(sock):\n    Thread(target=print).start()\n",
        "may not start threads",
    ),
    "a fork": ("import os\ndef read_all(sock):\n    os.fork()\n", "may not start processes"),
    "a program": (
        "import subprocess\ndef read_all(sock):\n    subprocess.run(['sleep', '60'])\n",
        "may not start processes",
    ),
    "all the memory": ("def read_all(sock):\n    x = bytearray(2**34)\n", "MemoryError"),
    "all the fds": (
        "import os\ndef read_all(sock):\n    while True: os.dup(0)\n",
        "Errno 24",
    ),
    "a recorder that forgets": (
        "from labkit.record import sockets\nsockets.Sockets.record = lambda self, sock: sock\n" + WRONG,
        "replaced labkit.record.sockets.Sockets.record",
    ),
    "a function with other code": (
        "from labkit.record.recorder import Recorder\n"
        "Recorder.error.__code__ = (lambda self, fd, text: None).__code__\n" + SOLUTION,
        "replaced labkit.record.recorder.Recorder.error",
    ),
    "calls that the recorder does not see": (
        "import os\n" + SOLUTION.replace("sock.recv(1000)", "os.read(sock.fileno(), 1000)"),
        "goes through recv()",
    ),
    "a checker that says yes": (
        "from labkit.teaching import practice_form\n"
        "for each in practice_form.every():\n    object.__setattr__(each, 'checks', ())\n"
        "practice_form.expect = lambda *a, **k: None\n" + WRONG,
        "",
    ),
    "a verdict on the checker's own line": (
        "import os, socket\n"
        "for fd in range(3, 64):\n"
        '    try: os.write(fd, b\'{"ok": true, "passed": true}\\n\')\n'
        "    except OSError: pass\n" + WRONG,
        "the line between",
    ),
    "an object that equals everything": (
        "class Yes(bytes):\n    __eq__ = lambda self, other: True\n"
        "def read_all(sock): return Yes(b'x'), False\n",
        "",
    ),
}


@pytest.mark.slow
@pytest.mark.every_python
@pytest.mark.parametrize("name", ATTACKS)
def test_attack_fails(name: str, tmp_path: Path):
    source, words = ATTACKS[name]
    before, fds = children(), kernel.open_fds()
    verdict = judge(load("read-until-eagain"), source)
    assert not verdict.passed
    assert verdict.failed is not None and words in verdict.failed.message, verdict
    assert len(verdict.printed) <= 2000
    assert children() == before
    assert kernel.open_fds() == fds


def test_an_exit_is_no_way_out_of_the_checkers_process():
    with pytest.raises(ValueError, match="does not define read_all"):
        judge(load("read-until-eagain"), "import sys\nsys.exit(0)\n")


def children() -> set[int]:
    """The processes that this one has started, and those that they have."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    )
    rows = [line.split(None, 1) for line in listed.stdout.splitlines()]
    return {int(pid) for pid, args in rows if "practice_child" in args or "sleep" in args}
