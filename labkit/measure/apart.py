"""Programs that run beside the notebook's own loop, recorded: a coroutine, and a script of the reader's.

    tape = run_apart(main())                      # a new asyncio loop, in a thread of its own
    told = flown(source)                          # labkit watch, in a process of its own

It knows watch() and its command, and nothing of labs.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from labkit.tape.tape import Tape
from labkit.watching.watch import watch

SECONDS = 20.0  # what either may take at most
ROOT = Path(__file__).resolve().parents[2]


def run_apart(main: Coroutine[Any, Any, Any], tape: Tape | None = None) -> Tape:
    """Run `main` to its end on a new asyncio loop in a new thread; the tape has its waits, calls and buffers.

    What `main` raises is raised here, and TimeoutError after 20 s. Give a `tape` to read it meanwhile.
    """
    told: Tape = Tape() if tape is None else tape
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []
    raised: list[BaseException] = []

    async def watched() -> None:
        loop = asyncio.get_running_loop()
        with watch(loop, told, calls=True):
            task = loop.create_task(main)
            running.append((loop, task))
            await task

    def run() -> None:
        try:
            asyncio.run(watched())
        except BaseException as error:  # handed to the thread that waits for us
            raised.append(error)

    thread = threading.Thread(target=run, name="a loop apart", daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive() and running:
        loop, task = running[0]
        loop.call_soon_threadsafe(task.cancel)
        thread.join(SECONDS)
        raise TimeoutError(f"the coroutine had not ended after {SECONDS:g} s")
    if raised:
        raise raised[0]
    return told


def flown(source: str) -> dict[str, Any]:
    """Run `source` as app.py under `labkit watch --json`, and return what that told.

    The keys are those of flight.facts. RuntimeError, with what it wrote on stderr, if it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        app, told = Path(folder, "app.py"), Path(folder, "told.json")
        app.write_text(source, "utf-8")
        command = [sys.executable, "-m", "labkit.cli", "watch", "--json", str(told), str(app)]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=SECONDS * 2,
            env={**os.environ, "PYTHONPATH": path},
        )
        if ended.returncode or not told.exists():
            raise RuntimeError(f"labkit watch ended with {ended.returncode}:\n{ended.stderr}")
        facts: dict[str, Any] = json.loads(told.read_text("utf-8"))
    return facts
