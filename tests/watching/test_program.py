"""`labkit watch app.py`: output, signals and exit status are the program's own; its stalls are named."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from .programs import ASGI, BLOCKS, FRAMEWORKS, WAITED, environment, server, watch


def plain(folder: Path, *arguments: str, stdin: str = "") -> Any:
    return subprocess.run(
        [sys.executable, "app.py", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


# ---- the program's own -----------------------------------------------------------------------------------

PROGRAMS = {
    "says": "import sys\nprint(sys.argv, sys.stdin.read(), __name__, __file__)\nprint('e', file=sys.stderr)",
    "ends with 3": "import sys\nsys.exit(3)",
    "ends with words": "import sys\nsys.exit('it did not work')",
    "raises": "def f():\n    return 1 / 0\n\nf()",
    "raises in a loop": "import asyncio\nasync def main():\n    raise KeyError('x')\nasyncio.run(main())",
    "no file": "open('nowhere')",
    "not Python": "def f(:\n",
    "two loops": "import asyncio\nfor _ in range(2):\n    asyncio.run(asyncio.sleep(0))\nprint('both')",
    "interrupts itself": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)",
    "leaves a task": "import asyncio\nasync def main():\n    asyncio.create_task(asyncio.sleep(9))\n"
    "asyncio.run(main())",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.every_python
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_it_says_and_how_it_ends_are_its_own(tmp_path: Path, name: str):
    watched = watch(tmp_path, PROGRAMS[name], "-v", "--x=1", stdin="hello")
    alone = plain(tmp_path, "-v", "--x=1", stdin="hello")
    assert (watched.returncode, watched.stdout) == (alone.returncode, alone.stdout)
    assert watched.stderr.strip().splitlines()[-1:] == alone.stderr.strip().splitlines()[-1:]


@pytest.mark.slow
@pytest.mark.every_python
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_as_it_would(tmp_path: Path, number: int):
    (tmp_path / "app.py").write_text(
        "import asyncio\nasync def main():\n    print('here', flush=True)\n    await asyncio.sleep(30)\n"
        "asyncio.run(main())"
    )
    ends = []
    for command in (["app.py"], ["-m", "labkit.cli", "watch", "app.py"]):
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None and process.stdout.readline() == "here\n"
        time.sleep(0.2)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        ends.append(process.returncode)
    assert ends == [-number, -number]
    assert "labkit watched" in said


@pytest.mark.slow
@pytest.mark.every_python
def test_a_program_with_a_handler_of_its_own_for_the_signal_keeps_it(tmp_path: Path):
    text = """
import asyncio, os, signal
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print, "asked to end")
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.1)
asyncio.run(main())
"""
    ended = watch(tmp_path, text)
    assert (ended.returncode, ended.stdout) == (0, "asked to end\n")


@pytest.mark.slow
@pytest.mark.every_python
def test_a_module_is_run_as_python_m_does(tmp_path: Path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "__main__.py").write_text("import sys; print(sys.argv[1:], __package__)")
    command = [sys.executable, "-m", "labkit.cli", "watch", "-m", "pack", "--port", "1"]
    ended = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=environment(), timeout=60
    )
    assert ended.stdout == "['--port', '1'] pack\n" and ended.returncode == 0


CHILDREN = {
    "subprocess": "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)'])",
    "fork": "import os\nif not os.fork(): os._exit(0)\nos.wait()",
    "system": "import os; os.system('true')",
    "posix_spawn": "import os; os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)",
    "asyncio": "import asyncio\nasync def main():\n"
    "    await (await asyncio.create_subprocess_exec('true')).wait()\nasyncio.run(main())",
    "multiprocessing": "import multiprocessing.util as util, os\n"
    "os.waitpid(util.spawnv_passfds(b'/bin/true', [b'true'], []), 0)",
}


@pytest.mark.slow
@pytest.mark.every_python
@pytest.mark.parametrize("how", CHILDREN)
def test_a_child_is_counted_once_and_said_to_be_unwatched(tmp_path: Path, how: str):
    ended = watch(tmp_path, CHILDREN[how], told=False)
    assert "1 child process started; children are not watched." in ended.stderr


def test_what_is_no_program_is_refused_in_a_sentence(tmp_path: Path):
    command = [sys.executable, "-m", "labkit.cli", "watch", "nowhere.py"]
    ended = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=environment(), timeout=60
    )
    assert ended.returncode == 2 and "no program nowhere.py" in ended.stderr


# ---- stalls ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.every_python
@pytest.mark.parametrize("blocks", BLOCKS)
def test_a_stall_is_named_by_its_handler_line_and_task(tmp_path: Path, blocks: str):
    slow = random.Random(blocks).randrange(6)
    told = watch(tmp_path, server(slow, BLOCKS[blocks])).told
    assert told["stalled"] >= 1
    stall = told["stalls"][0]
    assert f"handler_{slow}" in stall["culprit"]["function"], stall
    assert stall["culprit"]["file"].endswith("app.py") and "(serve)" in stall["task"]
    assert stall["ns"] >= 100_000_000
    assert [each["name"] for each in told["loops"]] == ["asyncio"]


@pytest.mark.slow
@pytest.mark.every_python
def test_who_waited_meanwhile_is_named_with_its_bytes_and_nobody_who_came_later(tmp_path: Path):
    ended = watch(tmp_path, WAITED)
    stall = ended.told["stalls"][0]
    assert stall["culprit"]["function"] == "serve" and stall["waited"] == {
        f"client :{ended.stdout.strip()}": 5
    }


@pytest.mark.slow
@pytest.mark.every_python
def test_the_longest_handlers_are_named_and_what_is_not_counted_is_no_zero(tmp_path: Path):
    (loop,) = watch(tmp_path, server(4)).told["loops"]
    longest = loop["handlers"][0]
    assert longest["function"] == "handler_4" and longest["file"].endswith("app.py")
    assert 0 < longest["longest_ns"] <= longest["ns"]
    assert (loop["received"], loop["sent"]) == (None, None)
    (loop,) = watch(tmp_path, server(None), options=("--calls",)).told["loops"]
    assert loop["received"] == loop["sent"] == 2 * (2 * 60)  # both ends: 60 orders and as many answers


@pytest.mark.slow
@pytest.mark.every_python
def test_the_screen_fits_a_terminal(tmp_path: Path):
    said = watch(tmp_path, server(4), told=False).stderr.splitlines()
    assert len(said) <= 24 and all(len(line) <= 80 for line in said)
    text = " ".join(" ".join(said).split())
    assert "bytes not counted (--calls counts them)" in text
    assert "2 stalls longer than 100 ms" in text
    assert "in all: handler_4 (app.py:" in text and str(tmp_path) not in text


@pytest.mark.slow
@pytest.mark.every_python
def test_a_healthy_program_is_not_accused(tmp_path: Path):
    told = watch(tmp_path, server(None), options=("--stall", "500")).told
    assert not told["stalls"] and not told["findings"]["asyncio"]
    assert told["loops"][0]["iterations"] > 10


@pytest.mark.slow
@pytest.mark.every_python
def test_stalls_in_other_threads_loops_are_caught_too(tmp_path: Path):
    text = """
import asyncio, threading, time
def slow_in_a_thread(): time.sleep(0.3)
async def main():
    slow_in_a_thread()
thread = threading.Thread(target=lambda: asyncio.run(main()), name="worker")
thread.start(); thread.join()
"""
    (stall,) = watch(tmp_path, text).told["stalls"]
    assert (stall["thread"], stall["culprit"]["function"]) == ("worker", "slow_in_a_thread")


@pytest.mark.slow
@pytest.mark.every_python
def test_asyncore_is_met_where_it_is_imported(tmp_path: Path):
    pytest.importorskip("asyncore")
    text = """
import asyncore, socket, time
class Slow(asyncore.dispatcher):
    def writable(self): return False
    def handle_read(self):
        self.recv(10); time.sleep(0.3); self.close()
here, there = socket.socketpair()
Slow(here); there.send(b"x")
asyncore.loop()
"""
    told = watch(tmp_path, text).told
    assert told["loops"][0]["name"] == "asyncore"
    assert told["stalls"][0]["culprit"]["function"] == "Slow.handle_read"


@pytest.mark.slow
@pytest.mark.every_python
def test_of_uvloop_stalls_are_caught_and_what_is_missing_is_said(tmp_path: Path):
    pytest.importorskip("uvloop", reason="uvloop has no release for this Python")
    told = watch(tmp_path, server(1).replace("asyncio.run(main())", "import uvloop; uvloop.run(main())")).told
    assert "not recorded" in told["loops"][0]["missing"]
    assert "handler_1" in told["stalls"][0]["culprit"]["function"]


@pytest.mark.slow
@pytest.mark.every_python
def test_a_stall_is_saved_with_its_tape_its_player_and_a_report(tmp_path: Path):
    options = ("--save", "saved", "--perfetto", "trace.json")
    watch(tmp_path, server(3), options=options)
    saved = tmp_path / "saved"
    assert {each.name for each in saved.iterdir()} == {"stall-01.json", "stall-01.jsonl", "stall-01.html"}
    assert "handler_3" in json.loads((saved / "stall-01.json").read_text())["culprit"]["function"]
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {"asleep", "awake", "ready"} <= {each["name"] for each in events}
    assert any("handler_3" in each["name"] for each in events)
    is_a_trace(events)


def is_a_trace(events: list[dict[str, Any]]) -> None:
    """By the rules of the Trace Event Format: a name for each track, and slices on a track nest or follow."""
    named = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    tracks: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for each in events:
        assert isinstance(each["pid"], int) and isinstance(each["tid"], int) and each["ph"] in ("M", "X")
        if each["ph"] == "X":
            assert each["dur"] >= 0
            tracks.setdefault((each["pid"], each["tid"]), []).append((each["ts"], each["ts"] + each["dur"]))
    assert named.keys() == tracks.keys() and len(set(named.values())) == len(named)
    assert {"iterations", "stalls"} < set(named.values())
    assert any(name.startswith("task Task-") for name in named.values())
    for slices in tracks.values():
        slices.sort()
        for (_, end), (begin, _) in zip(slices, slices[1:], strict=False):
            assert begin >= end - 0.001  # µs


@pytest.mark.slow
@pytest.mark.every_python
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_stall_in_somebody_elses_server_is_named(tmp_path: Path, framework: str):
    pytest.importorskip(framework, reason=f"{framework} has no release for this Python")
    if framework == "redis" and shutil.which("redis-server") is None:
        reason = "there is no redis-server: apt-get install redis-server"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    told = watch(tmp_path, FRAMEWORKS[framework]).told
    names = [stall["culprit"]["function"] for stall in told["stalls"]]
    assert any("slow_lookup" in name for name in names), (names, told)


@pytest.mark.slow
@pytest.mark.parametrize(("loop", "number"), [("asyncio", signal.SIGINT), ("uvloop", signal.SIGTERM)])
def test_uvicorn_is_started_as_its_users_start_it(tmp_path: Path, loop: str, number: int):
    pytest.importorskip("uvicorn", reason="uvicorn has no release for this Python")
    pytest.importorskip(loop, reason=f"{loop} has no release for this Python")
    (tmp_path / "app.py").write_text("import time\ndef slow_lookup():\n    time.sleep(0.3)\n" + ASGI)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "labkit.cli", "watch", "--json", "told.json", "-m", "uvicorn", "app:app"]
    command += ["--port", str(port), "--loop", loop, "--log-level", "error"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment()) as process:
        try:
            assert ask(port) == b"ok"
        finally:
            process.send_signal(number)
        assert process.wait(30) in (0, -number)
    told = json.loads((tmp_path / "told.json").read_text())
    assert [each["name"] for each in told["loops"]] == [loop]
    # On a machine with much else to do, loading the application is a longer stall.
    assert "slow_lookup" in [stall["culprit"]["function"] for stall in told["stalls"]]


def ask(port: int, within: float = 30) -> bytes:
    """What a server says at /, once it is there."""
    end = time.monotonic() + within
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                return bytes(answer.read())
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
